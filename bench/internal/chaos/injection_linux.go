package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
)

// Scene is where a schedule takes place.
type Scene struct {
	Target   Target
	Server   Server // nil if there is none that may be acted upon
	Innocent int    // connections, of which shares are shares
	// Start begins an attack; nil for one in this process, as by Start.
	Start func(Spec, Target) (Running, error)
}

// Running is an attack that goes on, wherever it does. It is an Attack, or stands for one in another process.
type Running interface {
	// Stop ends it, and says what it came to. It may be called again, from any goroutine.
	Stop() Outcome
}

// Phase is a part of a run's measured time, in the form that the scenarios take. Rate is left to them. Begin and End may take as long
// as what they do takes; they may be called from any goroutine, and End also while Begin runs.
type Phase struct {
	Name       string
	For        time.Duration
	Rate       float64
	Begin, End func() error
}

// Injection carries out a schedule in one run. Its methods are safe from any goroutine.
type Injection struct {
	events Schedule
	scene  Scene
	pieces []piece
	ctx    context.Context
	cancel context.CancelFunc

	acting  sync.WaitGroup // acts that are being carried out
	servers sync.Mutex     // held by the act that has the server in its hands
	mu      sync.Mutex
	closed  bool
	running map[int]Running // by event
	results map[int]Result
}

// Result is what came of an event.
type Result struct {
	Event   Event
	Outcome *Outcome      // of an attack
	Took    time.Duration // of an act
	Err     error
}

// String is the result as a line for people.
func (r Result) String() string {
	switch {
	case r.Err != nil:
		return fmt.Sprintf("%s: %v", r.Event.what(), r.Err)
	case r.Outcome != nil:
		return r.Outcome.String()
	}
	return fmt.Sprintf("%s: took %v", r.Event.what(), brief(r.Took))
}

// ErrClosed means that an injection was closed before what should have begun.
var ErrClosed = errors.New("chaos: the run is over")

// Inject prepares a schedule for a run whose measured part has that length. Whoever calls it has to Close the injection, however the
// run ends.
func Inject(s Schedule, scene Scene, total time.Duration) (*Injection, error) {
	pieces, err := s.pieces(total)
	if err != nil {
		return nil, err
	}
	for _, e := range s {
		_, paused := scene.Server.(Process)
		if e.Act != "" && (scene.Server == nil || paused && e.Act != Pause) {
			return nil, fmt.Errorf("%w: %s", ErrNoServer, e)
		}
		if e.Act == "" {
			err = e.Attack.Among(scene.Innocent).check()
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, e)
		}
	}
	i := &Injection{events: s, scene: scene, pieces: pieces, running: map[int]Running{}, results: map[int]Result{}}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	return i, nil
}

// Phases are the parts of the run, which together are as long as it is: "quiet" before anything happens, then what happens by its name
// ("slow", "pause", "slow+kill"), and "after" behind it.
func (i *Injection) Phases() []Phase {
	var all []Phase
	for _, p := range i.pieces {
		all = append(all, Phase{
			Name: p.name, For: p.to - p.from,
			Begin: func() error { return i.each(p.begin, i.begin) },
			End:   func() error { return i.each(p.end, i.end) },
		})
	}
	return all
}

// each does something for several events at once, since one may take long that another must not wait for.
func (i *Injection) each(events []int, do func(int) error) error {
	errs := make([]error, len(events))
	var all sync.WaitGroup
	for at, event := range events {
		all.Go(func() { errs[at] = do(event) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (i *Injection) begin(event int) error {
	e := i.events[event]
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return ErrClosed
	}
	if e.Act == "" {
		defer i.mu.Unlock()
		return i.attack(event)
	}
	i.acting.Add(1)
	i.mu.Unlock()
	defer i.acting.Done()
	// One act at a time: a process that is paused cannot be asked to end.
	i.servers.Lock()
	defer i.servers.Unlock()
	if i.ctx.Err() != nil {
		return ErrClosed
	}
	began := time.Now()
	err := act(i.ctx, e, i.scene.Server)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.results[event] = Result{Event: e, Took: time.Since(began), Err: err}
	return err
}

// attack begins one. i.mu is held.
func (i *Injection) attack(event int) error {
	e := i.events[event]
	target := i.scene.Target
	target.Seed += uint64(event) // or two attacks of a kind would do the same
	a, err := i.start(e.Attack.Among(i.scene.Innocent), target)
	if err != nil {
		i.results[event] = Result{Event: e, Err: err}
		return err
	}
	i.running[event] = a
	return nil
}

func (i *Injection) start(spec Spec, target Target) (Running, error) {
	if i.scene.Start != nil {
		return i.scene.Start(spec, target)
	}
	a, err := Start(spec, target)
	if err != nil {
		return nil, err // and no nil Attack within a Running
	}
	return a, nil
}

// end stops an attack. An act ends by itself.
func (i *Injection) end(event int) error {
	i.mu.Lock()
	a := i.running[event]
	i.mu.Unlock()
	if a == nil {
		return nil
	}
	outcome := a.Stop()
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.running, event)
	i.results[event] = Result{Event: i.events[event], Outcome: &outcome}
	if outcome.Error != "" {
		return fmt.Errorf("chaos: %s: %s", i.events[event], outcome.Error)
	}
	return nil
}

// Close ends what goes on: attacks are stopped, a server that is paused goes on, and a restart is waited for. It returns what came of
// the events that have begun, in their order. It may be called again.
func (i *Injection) Close() []Result {
	i.mu.Lock()
	i.closed = true
	var left []int
	for event := range maps.Keys(i.running) {
		left = append(left, event)
	}
	i.mu.Unlock()
	i.cancel()
	_ = i.each(left, i.end) // what went wrong is among the results
	i.acting.Wait()
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []Result
	for event := range i.events {
		if r, begun := i.results[event]; begun {
			all = append(all, r)
		}
	}
	return all
}

// Note is what came of the events that ended with a phase, "" if there were none or they are not over.
func (i *Injection) Note(phase string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var notes []string
	for _, p := range i.pieces {
		for _, event := range p.end {
			if r, begun := i.results[event]; p.name == phase && begun {
				notes = append(notes, r.String())
			}
		}
	}
	return strings.Join(notes, "; ")
}
