package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"time"

	"starling/bench/internal/chaos"
	"starling/bench/internal/flood"
	"starling/bench/internal/proc"
	"starling/bench/internal/source"
)

// attackerCommand makes this program the process of one attack: what it costs to attack is not to be what the innocent wait for.
const attackerCommand = "attacker"

// order is what such a process reads, on its standard input. The end of that is the end of the attack.
type order struct {
	Spec       chaos.Spec
	Addr       netip.AddrPort
	Host, Path string
	Protocol   flood.Protocol
	Sources    string // as source.Parse reads it
	Rooms      []string
	Seed       uint64
}

// receipt is what it writes: one when the attack has begun, or has not, and one when it is over.
type receipt struct {
	Error   string
	Outcome *chaos.Outcome
}

// errAttacker means that a process of an attack did not do as it was told.
var errAttacker = errors.New("the process of an attack")

// attack is the whole of such a process.
func attack(in io.Reader, out io.Writer) error {
	orders, receipts := json.NewDecoder(in), json.NewEncoder(out)
	var o order
	if err := orders.Decode(&o); err != nil {
		return fmt.Errorf("%w: bad input: %w", errAttacker, err)
	}
	running, err := o.start()
	if err != nil {
		return receipts.Encode(receipt{Error: err.Error()})
	}
	if err := receipts.Encode(receipt{}); err != nil {
		running.Stop()
		return err
	}
	_, _ = io.Copy(io.Discard, in) // however it ends, it has
	outcome := running.Stop()
	return receipts.Encode(receipt{Outcome: &outcome})
}

func (o *order) start() (*chaos.Attack, error) {
	if _, err := proc.RaiseDescriptors(); err != nil {
		return nil, err
	}
	pool, err := source.Parse(o.Sources)
	if err != nil {
		return nil, err
	}
	return chaos.Start(o.Spec, chaos.Target{
		Addr: o.Addr, Host: o.Host, Path: o.Path, Protocol: o.Protocol, Sources: pool, Rooms: o.Rooms, Seed: o.Seed,
	})
}

// attacker is an attack in a process of its own.
type attacker struct {
	child    *proc.Child
	orders   *os.File
	answers  *os.File
	receipts *json.Decoder
	kind     chaos.Kind
	ending   sync.Once
	outcome  chaos.Outcome
}

// startAttacker begins one. argv starts the process.
func startAttacker(argv []string, cpus proc.CPUs, o order) (*attacker, error) {
	in, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	answers, out, err := os.Pipe()
	if err != nil {
		in.Close()
		orders.Close()
		return nil, err
	}
	child, err := proc.Start(proc.Spec{Argv: argv, CPUs: cpus, Stdin: in, Stdout: out})
	in.Close()
	out.Close() // or the end of the child would not be the end of its output
	if err != nil {
		orders.Close()
		answers.Close()
		return nil, err
	}
	a := &attacker{child: child, orders: orders, answers: answers, receipts: json.NewDecoder(answers), kind: o.Spec.Kind}
	_ = json.NewEncoder(orders).Encode(o) // a process that does not read it has died, and then there is no receipt
	var begun receipt
	err = a.receipts.Decode(&begun)
	if err == nil && begun.Error != "" {
		err = errors.New(begun.Error)
	}
	if err != nil {
		a.Stop()
		return nil, fmt.Errorf("%w: %w", errAttacker, err)
	}
	return a, nil
}

// attackerGrace is how long a process may take to say what its attack came to before it is killed.
const attackerGrace = 10 * time.Second

// Stop is part of chaos.Running.
func (a *attacker) Stop() chaos.Outcome {
	a.ending.Do(func() {
		a.orders.Close()
		timer := time.AfterFunc(attackerGrace, func() { _ = a.child.Stop(0) })
		var over receipt
		err := a.receipts.Decode(&over)
		timer.Stop()
		a.answers.Close()
		_ = a.child.Wait(attackerGrace) // what it had to say it has said
		if err == nil && over.Outcome != nil {
			a.outcome = *over.Outcome
			return
		}
		a.outcome = chaos.Outcome{Kind: a.kind, Error: fmt.Errorf("%w: it has died: %w", errAttacker, a.child.Fault()).Error()}
	})
	return a.outcome
}
