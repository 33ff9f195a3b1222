package server_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// The headers of the PROXY protocol, for a client at 192.0.2.7, or its like in IPv6, whose proxy was called at
// 198.51.100.1. In version 2 that is: signature, version and command, family, length, two addresses, two ports, and in one
// of them a TLV that says nothing (PROXY protocol 2.1, 2.2).
var proxyHeaders = map[string][]byte{
	"version 1":                starlingtest.Wire("'PROXY' 20 'TCP4' 20 '192.0.2.7' 20 '198.51.100.1' 20 '56324' 20 '443' 0d0a"),
	"version 1, IPv6":          starlingtest.Wire("'PROXY' 20 'TCP6' 20 '2001:db8::7' 20 '2001:db8::1' 20 '56324' 20 '443' 0d0a"),
	"version 1, unknown":       starlingtest.Wire("'PROXY' 20 'UNKNOWN' 0d0a"),
	"version 2":                starlingtest.Wire("0d0a0d0a000d0a515549540a 21 11 000c c0000207 c6336401 dc04 01bb"),
	"version 2, IPv6":          starlingtest.Wire("0d0a0d0a000d0a515549540a 21 21 0024 20010db8 00*11 07 20010db8 00*11 01 dc04 01bb"),
	"version 2, TLV":           starlingtest.Wire("0d0a0d0a000d0a515549540a 21 11 0010 c0000207 c6336401 dc04 01bb 04 0001 00"),
	"version 2, proxy's check": starlingtest.Wire("0d0a0d0a000d0a515549540a 20 00 0000"),
}

// TestProxyProtocol has clients come by way of a proxy that says for whom it calls.
func TestProxyProtocol(t *testing.T) {
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--proxy-protocol", "--trusted-proxies", "loopback"))
	for name, header := range proxyHeaders {
		t.Run(name, func(t *testing.T) {
			for range 8 { // the session's loop and that of the WebSocket are now the same, now not
				if err := byProxy(s.Addr, header); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for name, first := range map[string]string{
		"no header, polling":             starlingtest.GetRequest(pollTarget),
		"no header, WebSocket":           starlingtest.UpgradeRequest(target),
		"another version":                "PROXY TCP5 192.0.2.7 198.51.100.1 56324 443\r\n" + starlingtest.GetRequest(pollTarget),
		"an address that is none":        "PROXY TCP4 192.0.2.777 198.51.100.1 56324 443\r\n" + starlingtest.GetRequest(pollTarget),
		"a line without an end":          "PROXY TCP4 " + strings.Repeat("1", 200),
		"a header behind a line end":     "\r\nPROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n",
		"version 2, of another command":  string(starlingtest.Wire("0d0a0d0a000d0a515549540a 2f 11 000c")),
		"version 2, of 65,535 bytes":     string(starlingtest.Wire("0d0a0d0a000d0a515549540a 21 11 ffff")),
		"version 2, of half an address":  string(starlingtest.Wire("0d0a0d0a000d0a515549540a 21 11 0004 c0000207")),
		"version 2, the signature wrong": string(starlingtest.Wire("0d0a0d0a000d0a515549540b 21 11 000c c0000207 c6336401 dc04 01bb")),
	} {
		t.Run(name, func(t *testing.T) { wantCut(t, s, first) })
	}
	s.Stop(t)
	wantNoErrors(t, s)
}

// TestProxyProtocolOfStrangers has a proxy call that nobody trusts.
func TestProxyProtocolOfStrangers(t *testing.T) {
	s := starlingtest.Start(t, starlingtest.Serve(t, "--proxy-protocol", "--trusted-proxies", "10.0.0.0/8,private"))
	for name, header := range proxyHeaders {
		t.Run(name, func(t *testing.T) {
			wantCut(t, s, string(header)+starlingtest.GetRequest(pollTarget))
			wantCut(t, s, string(header)+starlingtest.UpgradeRequest(target))
		})
	}
	s.Stop(t)
}

// TestForwardedFor has proxies say in the request for whom they call, which must disturb nobody, whatever they say.
func TestForwardedFor(t *testing.T) {
	for _, trusted := range [][]string{nil, {"--trusted-proxies", "loopback,10.0.0.0/8"}} {
		s := starlingtest.Start(t, starlingtest.Serve(t, append(trusted, "--loops", "4")...))
		for _, said := range []string{
			"192.0.2.7", "192.0.2.7, 10.0.0.1, 127.0.0.1", "[2001:db8::7]:443, 10.0.0.1", "unknown", "", ",,,", "_hidden, 127.0.0.1",
			strings.Repeat("10.0.0.1,", 1000), "192.0.2.7\r\nX-Forwarded-For: 10.0.0.1",
		} {
			header := "X-Forwarded-For: " + said
			r, err := ask(t, s, starlingtest.GetRequest(pollTarget, "Connection: close", header))
			if err != nil || r.Status != 200 {
				t.Errorf("%.40q, polling: answered with %d, %v", said, r.Status, err)
			}
			c := dial(t, s, withHeader(starlingtest.UpgradeRequest(target), header))
			if err := c.Upgraded(); err != nil {
				t.Errorf("%.40q, WebSocket: %v", said, err)
			}
			c.Close()
		}
		s.Stop(t)
	}
}

// byProxy polls, goes over to a WebSocket and talks over a new one, all of it on connections that begin with a header.
func byProxy(addr string, header []byte) error {
	p := &pollClient{Poller: starlingtest.NewPoller(addr)}
	defer p.Close()
	p.Preface, p.Brief = header, true
	if err := p.enter(); err != nil {
		return err
	}
	if err := p.echo(); err != nil {
		return err
	}
	gone, err := upgradeBehind(addr, header, p.UpgradeTarget())
	if err != nil {
		return err
	}
	defer gone.Close()
	if _, err := io.WriteString(gone, frame("2probe")+frame("5")); err != nil {
		return err
	}
	if err := gone.Expect(starlingtest.Wire("81 06 '3probe'")); err != nil {
		return err
	}
	fresh, err := upgradeBehind(addr, header, target)
	if err != nil {
		return err
	}
	defer fresh.Close()
	if open, err := fresh.receive(); err != nil || open[0] != '0' {
		return errors.Join(errors.New("the session begins with "+open), err)
	}
	if _, err := fresh.exchange("40"); err != nil {
		return err
	}
	return errors.Join(gone.echo(), fresh.echo(), gone.leave(), fresh.leave())
}

// upgradeBehind makes a WebSocket of a connection that begins with a header, which comes in two pieces.
func upgradeBehind(addr string, header []byte, target string) (*client, error) {
	conn, err := starlingtest.TryDial(addr)
	if err != nil {
		return nil, err
	}
	half := len(header) / 2
	for _, piece := range [][]byte{header[:half], append(header[half:len(header):len(header)], starlingtest.UpgradeRequest(target)...)} {
		if _, err := conn.Write(piece); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if err := conn.Upgraded(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &client{Conn: conn}, nil
}

// wantCut wants a connection to end without a word.
func wantCut(t *testing.T, s *starlingtest.Server, first string) {
	t.Helper()
	c := dial(t, s, first)
	defer c.Close()
	answer, err := io.ReadAll(c)
	if reset := isReset(err); len(answer) > 0 || err != nil && !reset {
		t.Errorf("answered with %q, %v; want the end", answer, err)
	}
}
