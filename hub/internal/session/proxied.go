package session

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"starling/eventloop"
	"starling/hub/internal/edge"
)

// proxied is the receiver of a connection from a proxy that says first for whom it is (PROXY protocol).
type proxied struct {
	http *httpConn // what follows is for it
	buf  []byte
}

var errProxy = errors.New("session: PROXY header from an address that is not trusted")

// OnData is part of eventloop.Receiver.
func (p *proxied) OnData(c *eventloop.Conn, b []byte) {
	p.buf = append(p.buf, b...)
	n, err := edge.ProxyHeaderLen(p.buf)
	if err == nil && n == 0 {
		return
	}
	if err == nil {
		err = p.adopt(c, p.buf[:n])
	}
	if err != nil {
		p.http.table.cfg.Logger.Debug("refusing a connection", "from", c.RemoteAddr(), "error", err)
		c.Abort(err)
		return
	}
	c.SetReceiver(p.http)
	if rest := p.buf[n:]; len(rest) > 0 {
		p.http.OnData(c, rest)
	}
}

// adopt takes the address that a header names for the peer's, if it may be believed.
func (p *proxied) adopt(c *eventloop.Conn, header []byte) error {
	cfg := p.http.table.cfg
	if !cfg.Proxies.Trusts(addrOf(c.RemoteAddr())) {
		return errProxy
	}
	addr, err := edge.ParseProxyHeader(header)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	if addr != nil { // nil: the proxy itself has connected, to look after us
		c.SetRemoteAddr(addr)
	}
	return nil
}

// OnClose is part of eventloop.Receiver.
func (p *proxied) OnClose(c *eventloop.Conn, cause error) { p.http.OnClose(c, cause) }

// addrOf is the IP address of a peer.
func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}
