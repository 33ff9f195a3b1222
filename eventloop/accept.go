package eventloop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"
)

// Accept takes in the connections of a listener that somebody else has made, as if the engine listened there: each goes to
// the next loop in turn, and beyond the cap, or while the engine shuts down, it gets the refusal. It is for sockets that
// are inherited, or that are no TCP ones. At the engine's own address each loop accepts for itself, which saves some 15 us
// for each connection (two cores of a shared virtual machine).
//
// Accept returns nil when the engine has stopped, and before that the error of a listener that is closed or broken, or
// [ErrNoSocket] if its connections are not of type *net.TCPConn or *net.UnixConn, as those of TLS are not. ln is closed
// then, whatever happened. Where the system lacks descriptors or memory, Accept waits and tries again. What it accepts
// before Run waits for that.
func (e *Engine) Accept(ln net.Listener) error {
	defer ln.Close()
	defer context.AfterFunc(e.accepting, func() { ln.Close() })()
	pause := time.Duration(0)
	for {
		nc, err := ln.Accept()
		if err == nil {
			pause = 0
			err = e.accepted(nc)
		}
		switch {
		case err == nil:
		case e.accepting.Err() != nil:
			return nil
		case ofThePeer(err):
		case !ofTheSystem(err):
			return err
		default:
			pause = min(max(2*pause, acceptPauseMin), acceptPauseMax)
			e.warnOfPause(ln.Addr(), pause, err)
			e.rest(pause)
		}
	}
}

// ofThePeer reports whether a failed accept says nothing about the next one: that connection was gone before it was
// accepted, or its network is.
func ofThePeer(err error) bool {
	return isOneOf(err, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EPROTO, syscall.ENOPROTOOPT,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH)
}

// ofTheSystem reports whether an accept has failed for want of descriptors or memory, or because it is forbidden, all of
// which may pass.
func ofTheSystem(err error) bool {
	return isOneOf(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPERM)
}

func isOneOf(err error, errnos ...syscall.Errno) bool {
	return slices.ContainsFunc(errnos, func(errno syscall.Errno) bool { return errors.Is(err, errno) })
}

func (e *Engine) warnOfPause(addr net.Addr, pause time.Duration, cause error) {
	e.cfg.Logger.Warn("accepting connections, trying again", "address", addr, "pause", pause, "error", cause)
}

// rest waits, unless the engine stops.
func (e *Engine) rest(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-e.accepting.Done():
	}
}

// accepted sends a connection to a loop: to be served, or to hear that there is no room. That nobody knows of it but us
// saves making a copy of it, as Take has to.
func (e *Engine) accepted(nc net.Conn) error {
	if !isSocket(nc) {
		nc.Close()
		return fmt.Errorf("%w: %T", ErrNoSocket, nc)
	}
	a := &arrival{fd: -1, socket: nc}
	switch e.admit() {
	case turnedAway:
		a.state = refused
	case cutOff:
		nc.Close()
		return nil
	}
	to := e.loops[e.turn.Add(1)%uint32(len(e.loops))]
	_ = to.binding.movers.put(a) // if the engine stops it is lost, as it should be
	return nil
}

// isSocket reports whether gnet can have a connection.
func isSocket(nc net.Conn) bool {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}
