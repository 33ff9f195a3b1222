package eventloop

import (
	"fmt"
	"reflect"
	"time"

	"github.com/panjf2000/gnet/v2"
	gneterrors "github.com/panjf2000/gnet/v2/pkg/errors"
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
)

// gnet accepts what comes to the address: on each loop, without a way through another goroutine, which would cost a
// third of a handshake more. But it ends all loops, and with them every connection, when an accept fails. What is here
// makes such a failure what it is for [Engine.Accept]: a reason to wait.

// gnet finds a failed accept among other errors by comparing it with ErrAcceptSocket. An error of a type that cannot be
// compared equals nothing, itself included, so no accept ends anything. It holds for all that uses gnet in this process.
func init() { gneterrors.ErrAcceptSocket = notAccepted{} }

type notAccepted struct {
	_ [0]func() // cannot be compared
}

func (notAccepted) Error() string { return "gnet has not accepted a connection" }

// acceptFailedFormat is what gnet logs, on the loop's goroutine, when an accept has failed. There is no other sign of it.
const acceptFailedFormat = "Accept() failed due to error: %v"

// acceptFailed is told that a loop could not accept a connection.
func (e *Engine) acceptFailed(err error) {
	switch {
	case ofThePeer(err): // who comes next may fare better
	case !e.resting.CompareAndSwap(false, true): // another loop has found out, or this one before
	case ofTheSystem(err):
		e.watchListeners() // here and now: a loop that does nothing but fail may leave no processor for anybody else
		go e.restLoops(err)
	default:
		e.cfg.Logger.Error("accepting connections", "address", e.Addr(), "error", err)
		e.endLoops()
	}
}

// restLoops ends the rest of the loops after a while.
func (e *Engine) restLoops(cause error) {
	pause := e.pauses.next(e.elapsed())
	e.warnOfPause(e.Addr(), pause, cause)
	if e.rest(pause); e.accepting.Err() != nil {
		return // nobody watches any more
	}
	e.pauses.over(e.elapsed())
	e.resting.Store(false) // before the loops watch again, or the next failure would not be heard
	e.watchListeners()
}

// watchListeners has each loop watch for connections to accept as it should by then: those that wait, of which it would be
// told in every iteration, it leaves alone while it rests. It goes on looking once when another one comes, so that a system
// that has recovered is found at once where many come. The loops do it themselves, since gnet gives up their pollers when
// they end.
func (e *Engine) watchListeners() {
	for _, l := range e.loops {
		l.PostAlways(TaskFunc(func(l *Loop) {
			if err := l.binding.listeners.watch(e.resting.Load()); err != nil {
				l.log.Error("watching for connections to accept", "loop", l.index, "error", err)
			}
		}))
	}
}

// pauses are the lengths of rests: each twice the one before, if that has helped for no longer than the longest.
type pauses struct {
	last  time.Duration
	ended time.Duration // when it was over
}

func (p *pauses) next(now time.Duration) time.Duration {
	if now-p.ended > acceptPauseMax {
		p.last = 0
	}
	p.last = min(max(2*p.last, acceptPauseMin), acceptPauseMax)
	return p.last
}

func (p *pauses) over(now time.Duration) { p.ended = now }

// listeners are the sockets on which one of gnet's loops listens. They belong to its goroutine.
type listeners struct {
	poller  *netpoll.Poller
	sockets []*netpoll.PollAttachment
}

// listenersOf finds them in the insides of a gnet loop, which shows them to nobody.
func listenersOf(el gnet.EventLoop) (ls listeners, err error) {
	loop := reflect.Indirect(reflect.ValueOf(el))
	if ls.poller, err = hidden[netpoll.Poller](loop, "poller"); err != nil {
		return listeners{}, err
	}
	known := field(loop, "listeners")
	if known.Kind() != reflect.Map {
		return listeners{}, errHidden("listeners", loop)
	}
	for each := known.MapRange(); each.Next(); {
		socket, err := hidden[netpoll.PollAttachment](reflect.Indirect(each.Value()), "pollAttachment")
		if err != nil {
			return listeners{}, err
		}
		ls.sockets = append(ls.sockets, socket)
	}
	return ls, nil
}

// hidden is the pointer in a field of a struct that is not exported.
func hidden[T any](of reflect.Value, name string) (*T, error) {
	f := field(of, name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[*T]() || f.IsNil() {
		return nil, errHidden(name, of)
	}
	return (*T)(f.UnsafePointer()), nil
}

// field is a field of a struct; the zero Value if there is none.
func field(of reflect.Value, name string) reflect.Value {
	if of.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return of.FieldByName(name)
}

// errHidden is for another version of gnet: better not to begin than to end with the first accept that fails.
func errHidden(name string, of reflect.Value) error {
	return fmt.Errorf("eventloop: this version of gnet has no %s in its %s", name, of.String())
}

// watch has the poller tell of each connection that comes, once, or in every iteration of those that wait.
func (ls listeners) watch(newOnly bool) error {
	for _, socket := range ls.sockets {
		if err := rewatch(ls.poller, socket, newOnly); err != nil {
			return err
		}
	}
	return nil
}
