package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"

	"starling/bench/internal/chaos"
	"starling/bench/internal/flood"
)

// orderTo is an attack that any listener is good enough for.
func orderTo(t *testing.T) order {
	t.Helper()
	f := newFake(t, nil)
	return order{
		Spec: chaos.Spec{Kind: chaos.ResetFlood, Rate: 100}, Addr: netip.MustParseAddrPort(f.Listener.Addr().String()),
		Host: "localhost", Path: "/socket.io/", Protocol: flood.SocketIO, Seed: 1,
	}
}

// An attack that is stopped says what it came to, and its process ends; the end of its input is enough.
func TestAttackerProcess(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := []string{self, attackerCommand}
	a, err := startAttacker(argv, nil, orderTo(t))
	if err != nil {
		t.Fatal(err)
	}
	o := a.Stop()
	if o.Kind != chaos.ResetFlood || o.Error != "" || o.Attempts != o.Opened+o.RefusedSum()+o.Waiting {
		t.Errorf("%+v", o)
	}
	if again := a.Stop(); again.Attempts != o.Attempts {
		t.Errorf("stopped again: %+v, before %+v", again, o)
	}
	select {
	case <-a.child.Ended():
		if err := a.child.Fault(); !strings.Contains(err.Error(), "exit status 0") {
			t.Error(err)
		}
	default:
		t.Error("its process goes on")
	}

	for name, tc := range map[string]struct {
		argv []string
		do   func(*order)
		text string
	}{
		"an attack that is none":  {argv, func(o *order) { o.Spec.Rate = 0 }, "want a rate"},
		"addresses that are none": {argv, func(o *order) { o.Sources = "here" }, `"here"`},
		"a process that is none":  {[]string{"true"}, func(*order) {}, "EOF"},
		"no program":              {[]string{"/nowhere/bench"}, func(*order) {}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			o := orderTo(t)
			tc.do(&o)
			if _, err := startAttacker(tc.argv, nil, o); err == nil || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%v, want %s", err, tc.text)
			}
		})
	}
}

// One whose process dies has failed, and is not waited for.
func TestAttackerDies(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a, err := startAttacker([]string{self, attackerCommand}, nil, orderTo(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.child.Kill(); err != nil {
		t.Fatal(err)
	}
	if o := a.Stop(); o.Kind != chaos.ResetFlood || !strings.Contains(o.Error, "it has died") {
		t.Errorf("%+v", o)
	}
}

func TestAttackReadsItsOrder(t *testing.T) {
	var out bytes.Buffer
	if err := attack(strings.NewReader("what?"), &out); err == nil || out.Len() != 0 {
		t.Errorf("%v, %s", err, out.String())
	}
	text, err := json.Marshal(orderTo(t))
	if err != nil {
		t.Fatal(err)
	}
	var begun, over receipt
	if err := attack(bytes.NewReader(text), &out); err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(&out)
	if err := lines.Decode(&begun); err != nil || begun.Error != "" || begun.Outcome != nil {
		t.Errorf("%+v, %v", begun, err)
	}
	if err := lines.Decode(&over); err != nil || over.Outcome == nil || over.Outcome.Kind != chaos.ResetFlood {
		t.Errorf("%+v, %v", over, err)
	}
}
