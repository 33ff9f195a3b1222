package server_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"starling/internal/starlingtest"
)

// ending is what has become of a session.
type ending uint8

const (
	lived     ending = iota // to its orderly end
	died                    // the server ended the session because of the cut
	abandoned               // it went on after a cut, and its client, who could not know what was lost, ended it
)

func (e ending) String() string { return [...]string{"lived", "died", "abandoned"}[e] }

// travel is the whole journey. The error tells what the server did that it must not do.
func (v *traveller) travel() (ending, error) {
	hangs := time.AfterFunc(starlingtest.Patience, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.stop(errHangs)
	})
	defer hangs.Stop()
	defer v.Close()
	how := lived
	err := v.enter()
	if err == nil {
		err = v.underWay()
	}
	if err == nil {
		how, err = v.arrive()
	}
	if err != nil && v.mayDieOf(err) {
		how, err = died, nil
	}
	v.mu.Lock()
	v.stop(errLeft)
	v.mu.Unlock()
	v.loops.Wait()
	return how, errors.Join(err, v.wantGone())
}

// mayDieOf tells whether the plan allows the session to end for this reason, and at any time: until the server has read of
// a cut on one connection, it may answer on another as if nothing had happened.
func (v *traveller) mayDieOf(err error) bool {
	var bad offence
	return v.plan.fate() != lives && !errors.As(err, &bad) && !errors.Is(err, errHangs)
}

// underWay talks, goes over and talks on, or as much of it as the plan allows. The error says why the session is over.
func (v *traveller) underWay() error {
	if err := v.talk(v.random.IntN(4)); err != nil {
		return err
	}
	switch at := v.plan.at; {
	case inGetHead <= at && at <= behindPost:
		v.arm(at)
		if !v.await(func() bool { return v.cut }) {
			return v.reason()
		}
		switch v.plan.fate() {
		case either:
			return v.settle()
		case dies:
			return v.expire()
		}
	case at == probingGet || at == probingPost:
		v.arm(at)
		_ = v.probe(never) // it may fail, and what is left shows behind it
		return v.settle()
	}
	if err := v.goOver(); err != nil {
		return err
	}
	return v.talk(v.random.IntN(6))
}

// talk goes on until n more events of its own have been answered.
func (v *traveller) talk(n int) error {
	v.mu.Lock()
	until := v.books.echo.seen + n
	v.mu.Unlock()
	if !v.await(func() bool { return v.books.echo.seen >= until }) {
		return v.reason()
	}
	return nil
}

// settle finds out whether there is still a session: it begins nothing new, and waits for the answer to one more event. An
// answer may go where the cut was, as long as the server has not heard of it, so it asks again if there is none.
func (v *traveller) settle() error {
	v.mu.Lock()
	v.quiet = true
	first := v.books.echo.sent + 1
	v.mu.Unlock()
	for answered := false; !answered; {
		late := false
		v.mu.Lock()
		v.echo()
		v.mu.Unlock()
		again := time.AfterFunc(100*time.Millisecond, func() {
			v.mu.Lock()
			late = true
			v.changed.Broadcast()
			v.mu.Unlock()
		})
		alive := v.await(func() bool {
			answered = v.books.echo.seen >= first
			return answered || late
		})
		again.Stop()
		if !alive {
			return v.reason()
		}
	}
	return nil
}

// expire waits until the server has heard of a cut that costs the session. A session that does not end hangs here.
func (v *traveller) expire() error {
	v.mu.Lock()
	v.quiet = true
	v.mu.Unlock()
	v.await(func() bool { return false })
	return v.reason()
}

// goOver upgrades, at the first attempt or, where that is cut, perhaps at a second.
func (v *traveller) goOver() error {
	at := v.plan.at
	switch err := v.probe(at); {
	case err != nil:
		return err
	case at == behind5 || at == behind5AndMore:
		return v.settle()
	case at == inFrame || at == betweenFrames:
		return v.cutWebSocket(at)
	case v.ws != nil || v.random.IntN(2) == 0:
		return nil
	}
	v.probes++
	if err := v.talk(v.random.IntN(3)); err != nil {
		return err
	}
	return v.probe(never)
}

// probe takes one WebSocket from its request to 5. Where that is cut, the session goes on polling, and that is no error.
func (v *traveller) probe(at moment) error {
	how := scissors{v.plan.reset, v.random}
	if at == inRequest || at == behindRequest {
		c, err := starlingtest.TryDial(v.addr)
		if err != nil {
			return err
		}
		v.happened()
		return how.send(c, starlingtest.UpgradeRequest(v.UpgradeTarget()), at == inRequest, 0)
	}
	c, err := v.dialProbe()
	if err != nil {
		return err
	}
	defer func() {
		if v.ws != c {
			c.Close()
		}
	}()
	switch at {
	case before2probe:
		v.happened()
		how.cut(c)
		return nil
	case in2probe, behind2probe:
		v.happened()
		return how.send(c, frame("2probe"), at == in2probe, 0)
	}
	if _, err := io.WriteString(c, frame("2probe")); err != nil {
		return err
	}
	if err := c.Expect(starlingtest.Wire("81 06 '3probe'")); err != nil {
		return err
	}
	if err := v.pause(); err != nil {
		return err
	}
	return v.conclude(c, at, how)
}

func frame(packet string) string {
	return string(starlingtest.Masked(starlingtest.Text, []byte(packet)))
}

// dialProbe connects a WebSocket for the session. One that was there before may not be forgotten yet.
func (v *traveller) dialProbe() (*starlingtest.Conn, error) {
	for deadline := time.Now().Add(starlingtest.Patience); ; time.Sleep(time.Millisecond) {
		c, err := starlingtest.TryDial(v.addr)
		if err != nil {
			return nil, err
		}
		if err = c.Upgrade(v.UpgradeTarget()); err == nil {
			return c, nil
		}
		c.Close()
		if v.probes == 0 || err != (starlingtest.RefusedError{Status: 400}) || time.Now().After(deadline) {
			return nil, err
		}
	}
}

// pause has the GET and the POST under way be the last. Some clients begin another GET or two before they do.
func (v *traveller) pause() error {
	v.mu.Lock()
	until := v.gets
	v.mu.Unlock()
	if v.random.IntN(4) == 0 && !v.await(func() bool { return v.gets >= until+2 }) {
		return v.reason()
	}
	v.enterPhase(pauses)
	if !v.await(func() bool { return !v.getting && !v.posting }) {
		return v.reason()
	}
	return nil
}

func (v *traveller) enterPhase(p phase) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.phase != over {
		v.phase = p
		v.changed.Broadcast()
	}
}

// conclude says 5, or what the plan has instead.
func (v *traveller) conclude(c *starlingtest.Conn, at moment, how scissors) (err error) {
	if before5 <= at && at <= behind5AndMore || at == insteadOf5 || at == besides5 {
		v.happened()
	}
	switch at {
	case before5:
		how.cut(c)
	case in5, behind5:
		err = how.send(c, frame("5"), at == in5, 0)
	case behind5AndMore:
		v.mu.Lock()
		v.books.gaps = true
		err = how.send(c, frame("5")+v.waiting(), false, 0)
		v.mu.Unlock()
	case insteadOf5:
		err = v.saySomethingElse(c)
	case besides5:
		err = v.wantOthersRefused()
		fallthrough
	default:
		return errors.Join(err, v.adopt(c))
	}
	v.enterPhase(polls)
	return err
}

// waiting takes what waits, as frames.
func (v *traveller) waiting() string {
	var frames strings.Builder
	for _, p := range v.out {
		frames.Write(p.frame())
	}
	v.out = nil
	return frames.String()
}

// adopt makes the WebSocket the transport.
func (v *traveller) adopt(c *starlingtest.Conn) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.phase == over {
		return v.end
	}
	first := frame("5")
	if v.random.IntN(2) == 0 { // as much as there is, in one piece
		first += v.waiting()
	}
	if _, err := io.WriteString(c, first); err != nil {
		return err
	}
	v.ws, v.phase = c, gone
	v.put(v.out...)
	v.out = nil
	v.changed.Broadcast()
	v.loops.Go(v.keepReading)
	return nil
}

// saySomethingElse breaks the protocol of the upgrade, which costs the WebSocket and nothing else.
func (v *traveller) saySomethingElse(c *starlingtest.Conn) error {
	wrong := [][]byte{
		starlingtest.Masked(starlingtest.Text, []byte(`42["echo",0]`)),
		starlingtest.Masked(starlingtest.Text, []byte("2")),
		starlingtest.Masked(starlingtest.Text, []byte("1")),
		starlingtest.Masked(starlingtest.Text, nil),
		starlingtest.Masked(starlingtest.Text, make([]byte, 65)),
		starlingtest.Masked(starlingtest.Binary, []byte("5")),
		starlingtest.Masked(starlingtest.Close, nil),
		starlingtest.Wire("81 01 '5'"), // unmasked
	}
	if _, err := c.Write(wrong[v.random.IntN(len(wrong))]); err != nil {
		return err
	}
	if f, err := c.ReadFrame(); err != nil || f.Head != starlingtest.Close {
		return fmt.Errorf("got a frame that begins with %x, and %v, instead of a close frame", f.Head, err)
	}
	return c.Ends()
}

// wantOthersRefused has a second WebSocket try for the same session.
func (v *traveller) wantOthersRefused() error {
	c, err := starlingtest.TryDial(v.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Upgrade(v.UpgradeTarget()); err != (starlingtest.RefusedError{Status: 400}) {
		return fmt.Errorf("a second WebSocket had the answer: %w", err)
	}
	return nil
}

// cutWebSocket cuts what the session goes over by now.
func (v *traveller) cutWebSocket(at moment) error {
	if err := v.talk(1 + v.random.IntN(3)); err != nil { // so that it is known that 5 has come
		return err
	}
	v.happened()
	v.mu.Lock()
	v.stop(errLeft)
	v.mu.Unlock()
	if how := (scissors{v.plan.reset, v.random}); at == inFrame {
		_ = how.send(v.ws, frame(`42["echo",0]`), true, 0)
	} else {
		how.cut(v.ws)
	}
	return errLeft
}

// arrive ends a session that lives. If nothing was lost by the client's own doing, then nothing may be lost at all.
func (v *traveller) arrive() (ending, error) {
	v.mu.Lock()
	v.quiet = true
	gaps := v.books.gaps
	if !gaps {
		if cried := v.crier.acknowledged(); cried > v.books.cry.base {
			v.books.cry.due = cried
		}
		v.echo() // its answer comes behind what everyone was told before
	}
	v.mu.Unlock()
	if gaps {
		_ = v.leave() // the session may have ended meanwhile
		return abandoned, nil
	}
	if !v.await(v.books.whole) {
		return lived, v.reason()
	}
	if v.ws != nil && v.random.IntN(8) == 0 {
		if _, err := v.Get(); err != starlingtest.ErrOtherTransport {
			return lived, offence{fmt.Errorf("a GET for a session that has gone over: %w", err)}
		}
	}
	return lived, v.leave()
}

// leave ends the session in order.
func (v *traveller) leave() error {
	if v.ws == nil {
		v.enterPhase(pauses)
		if !v.await(func() bool { return !v.posting }) {
			return v.reason()
		}
		if err := v.Post("1"); err != nil {
			return err
		}
		if !v.await(func() bool { return !v.getting }) { // it is answered
			return v.reason()
		}
		return nil
	}
	v.mu.Lock()
	if v.random.IntN(2) == 0 {
		v.put(packet{text: "41"})
	}
	_, err := v.ws.Write(starlingtest.Masked(starlingtest.Close, starlingtest.Wire("03e8")))
	v.mu.Unlock()
	if v.await(func() bool { return false }); v.end != errClosed {
		return v.reason()
	}
	return errors.Join(err, v.ws.Ends(), v.ws.Close())
}

// wantGone wants the server to have forgotten the session. It may be about to hear of the end.
func (v *traveller) wantGone() error {
	for deadline := time.Now().Add(starlingtest.Patience); v.SID != ""; time.Sleep(time.Millisecond) {
		switch packets, err := v.Get(); {
		case err == starlingtest.ErrUnknownSession:
			return nil
		case err != starlingtest.ErrOtherTransport && err != (starlingtest.StatusError{Status: 400}):
			return fmt.Errorf("after its end the session answered with %q, %w", packets, err)
		case time.Now().After(deadline):
			return errors.New("the session never ends")
		}
	}
	return nil
}
