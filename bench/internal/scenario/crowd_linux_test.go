package scenario

import (
	"maps"
	"slices"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/stock"
)

// testCrowd has no connections: what happens to its guests is told as a client would.
func testCrowd(t *testing.T, guests int) *crowd {
	t.Helper()
	cfg := &Config{
		Scenario: Storm, Connections: guests, Timeout: time.Hour,
		Stock: stock.Options{Transport: stock.Default, Delay: time.Hour, DelayMax: time.Hour},
	}
	loop, err := flood.NewLoop(cfg.target(), [4]byte{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loop.Shut)
	c, err := newCrowd(cfg, share{100, guests}, 4, loop, &memory{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *crowd) tell(guest int, kind stock.Kind, about string) {
	c.guests.Tell(&c.guests.list[guest].client, stock.News{Kind: kind, About: about, Refused: about == "refused"})
}

// answersOf are the steps that the crowd has answered.
func answersOf(c *crowd) (ops []op) {
	for _, e := range c.up.(*memory).events {
		if e.Op != opSecond { // which comes with the time, whatever is asked
			ops = append(ops, e.Op)
		}
	}
	return ops
}

func (c *crowd) lastPart(t *testing.T) *part {
	t.Helper()
	for _, e := range slices.Backward(c.up.(*memory).events) {
		if e.Part != nil {
			return e.Part
		}
	}
	t.Fatal("nothing was answered")
	return nil
}

// connected is a crowd all of whose guests are connected, and which expects to be cut off.
func connected(t *testing.T, guests int) *crowd {
	t.Helper()
	c := testCrowd(t, guests)
	for i := range c.visits {
		c.tell(i, stock.Asking, "")
		c.tell(i, stock.Back, "")
	}
	c.handle(command{Op: opArm})
	return c
}

func TestTheStormEndsWithTheLastGuest(t *testing.T) {
	c := connected(t, 3)
	for i := range 3 {
		c.watch()
		if ops := answersOf(c); len(ops) != 1 || ops[0] != opArm {
			t.Fatalf("after %d guests it answered %v", i, ops)
		}
		c.tell(i, stock.Lost, "websocket: closed by the server")
		c.tell(i, stock.Asking, "")
		c.tell(i, stock.Missed, "refused")
		c.tell(i, stock.Asking, "")
		c.tell(i, stock.Back, "")
	}
	c.watch()
	p := c.lastPart(t)
	if ops := answersOf(c); len(ops) != 2 || ops[1] != opStorm || p.Connected != 3 || len(p.Failures) != 0 {
		t.Errorf("%v, %+v", ops, p)
	}
	if len(p.Crowd.Errors) != 0 || !maps.Equal(p.Crowd.Retries, map[string]int{"refused": 3}) {
		t.Errorf("errors %v, retries %v", p.Crowd.Errors, p.Crowd.Retries)
	}
	if p.Crowd.FirstNs == 0 || p.LastNs < p.Crowd.FirstNs {
		t.Errorf("first %d, last %d", p.Crowd.FirstNs, p.LastNs)
	}
}

// A guest's first loss is the cut; what follows is an error, and it is waited for again.
func TestAGuestThatIsLostAgain(t *testing.T) {
	c := connected(t, 1)
	c.tell(0, stock.Lost, "cut")
	c.tell(0, stock.Back, "")
	c.tell(0, stock.Lost, "websocket: ECONNRESET")
	c.watch()
	if ops := answersOf(c); len(ops) != 1 {
		t.Fatalf("it answered %v", ops)
	}
	c.tell(0, stock.Fault, "upgrade: status 400")
	c.tell(0, stock.Back, "")
	c.watch()
	if p := c.lastPart(t); p.Connected != 1 || !maps.Equal(p.Crowd.Errors, map[string]int{"websocket: ECONNRESET": 1, "upgrade: status 400": 1}) {
		t.Errorf("%+v %+v", p, p.Crowd)
	}
}

func TestAGuestThatIsNotWanted(t *testing.T) {
	c := connected(t, 2)
	c.tell(0, stock.Lost, "cut")
	c.tell(0, stock.Ended, "namespace: refused")
	c.tell(1, stock.Lost, "cut")
	c.tell(1, stock.Back, "")
	c.watch()
	p := c.lastPart(t)
	if p.Connected != 1 || !maps.Equal(p.Failures, map[string]int{"namespace: refused": 1}) || p.Crowd.Errors["namespace: refused"] != 1 {
		t.Errorf("%+v %+v", p, p.Crowd)
	}
	c.handle(command{Op: opProve})
	c.watch()
	if ops := answersOf(c); len(ops) != 2 {
		t.Fatalf("it answered %v before the echo had come", ops)
	}
	c.tell(1, stock.Proven, "")
	c.watch()
	if p = c.lastPart(t); len(answersOf(c)) != 3 || p.Crowd.Proven != 1 || p.Crowd.Errors["echo: not connected"] != 1 {
		t.Errorf("%v %+v", answersOf(c), p.Crowd)
	}
}

// A guest that was lost between the connecting and the arming comes back with the others.
func TestAGuestThatIsLostBeforeTheCut(t *testing.T) {
	c := testCrowd(t, 2)
	c.tell(0, stock.Back, "")
	c.tell(1, stock.Back, "")
	c.tell(1, stock.Lost, "websocket: ECONNRESET")
	c.handle(command{Op: opArm})
	if p := c.lastPart(t); p.Crowd.Errors["websocket: ECONNRESET"] != 1 {
		t.Errorf("%+v", p.Crowd)
	}
	c.tell(0, stock.Lost, "cut")
	c.tell(1, stock.Back, "")
	c.watch()
	if len(answersOf(c)) != 1 {
		t.Error("the storm ended without the other")
	}
	c.tell(0, stock.Back, "")
	c.watch()
	if p := c.lastPart(t); p.Connected != 2 || len(p.Crowd.Errors) != 0 {
		t.Errorf("%+v %+v", p, p.Crowd)
	}
}

// Only so many connect at a time, and those that do not get through in time are told apart.
func TestTheWindowOfConnecting(t *testing.T) {
	c := testCrowd(t, 10) // the target is nobody's, so that no connection begins
	c.handle(command{Op: opConnect})
	if c.next != 4 {
		t.Fatalf("%d connect at a time, want 4", c.next)
	}
	c.tell(0, stock.Back, "")
	c.proceed()
	if c.next != 5 {
		t.Fatalf("%d have begun, want 5", c.next)
	}
	c.tell(1, stock.Missed, "handshake: status 400")
	c.cfg.Timeout = 0
	c.watch()
	want := map[string]int{"handshake: status 400": 1, "timeout": 3, "not tried": 5}
	if p := c.lastPart(t); p.Connected != 1 || !maps.Equal(p.Failures, want) {
		t.Errorf("%d connected, failures %v, want %v", p.Connected, p.Failures, want)
	}
}
