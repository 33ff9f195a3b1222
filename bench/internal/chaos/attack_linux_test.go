package chaos

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/source"
	"starling/hub"
)

// What a hub of these tests allows: short times, so that one sees their ends.
const (
	shortly = 200 * time.Millisecond
	never   = time.Hour
)

// TestAttacks has each kind of attack on a server that is good, whose answer is known.
func TestAttacks(t *testing.T) {
	for _, tc := range []struct {
		name  string
		opts  hub.Options
		spec  Spec
		until func(*Outcome) bool
		check func(*Outcome) bool
	}{
		{
			"half-open",
			hub.Options{PingInterval: shortly, PingTimeout: shortly},
			Spec{Kind: HalfOpen, Connections: 20},
			func(o *Outcome) bool { return o.ClosedSum() == 20 },
			func(o *Outcome) bool {
				return o.Attempts == 20 && o.Opened == 20 && o.Open == 0 && o.ClosedP50 >= shortly
			},
		},
		{
			"half-open, which come again",
			hub.Options{PingInterval: shortly, PingTimeout: shortly},
			Spec{Kind: HalfOpen, Connections: 5, Rate: 1000},
			func(o *Outcome) bool { return o.ClosedSum() >= 10 },
			func(o *Outcome) bool { return o.Attempts > 10 && o.Open+o.Waiting <= 5 },
		},
		{
			"half-open, which stay",
			hub.Options{},
			Spec{Kind: HalfOpen, Connections: 20},
			func(o *Outcome) bool { return o.Opened == 20 },
			func(o *Outcome) bool { return o.Open == 20 && o.OpenNs > 0 && o.ClosedSum() == 0 },
		},
		{
			"silent",
			hub.Options{ConnectTimeout: shortly},
			Spec{Kind: Silent, Connections: 20},
			func(o *Outcome) bool { return o.ClosedSum() == 20 },
			func(o *Outcome) bool { return o.Closed["1005"] == 20 && o.ClosedP50 >= shortly/2 },
		},
		{
			"slowloris",
			hub.Options{HandshakeTimeout: 6 * shortly},
			Spec{Kind: Slowloris, Connections: 20},
			func(o *Outcome) bool { return o.ClosedSum() == 20 },
			func(o *Outcome) bool { return o.Closed["408"]+o.Closed["FIN"] == 20 && o.Closed["408"] > 0 },
		},
		{
			"malformed",
			hub.Options{},
			Spec{Kind: Malformed, Rate: 1000},
			func(o *Outcome) bool { return o.ClosedSum() >= 300 },
			func(o *Outcome) bool {
				return o.Closed["400"] > 0 && o.Closed["431"]+o.Closed["RST"] > 0 && o.Closed["1002"] > 0 && o.Closed["1007"] > 0 && o.Closed["1005"] > 0
			},
		},
		{
			"oversized",
			hub.Options{PayloadBytesMax: 100_000},
			Spec{Kind: Oversized, Rate: 200},
			func(o *Outcome) bool { return o.ClosedSum() >= 30 },
			func(o *Outcome) bool { return o.Closed["1009"]+o.Closed["RST"] >= 30 && o.Closed["1009"] > 0 },
		},
		{
			"churn-flood",
			hub.Options{},
			Spec{Kind: ChurnFlood, Rate: 2000},
			func(o *Outcome) bool { return o.Left >= 200 },
			func(o *Outcome) bool { return o.Opened == o.Left && o.Open == 0 && o.ClosedSum() == 0 },
		},
		{
			"hoarder",
			hub.Options{},
			Spec{Kind: Hoarder, Connections: 3},
			func(o *Outcome) bool { return o.Opened == 3 },
			func(o *Outcome) bool { return o.Open == 3 },
		},
		{
			"ping-flood",
			hub.Options{OutboundBytesPerConnMax: 64 << 10},
			Spec{Kind: PingFlood, Connections: 3},
			func(o *Outcome) bool { return o.Opened == 3 },
			func(o *Outcome) bool { return o.Open+o.ClosedSum() == 3 },
		},
		{
			"event-flood",
			hub.Options{},
			Spec{Kind: EventFlood, Connections: 2},
			func(o *Outcome) bool { return o.Opened == 2 },
			func(o *Outcome) bool { return o.Open == 2 || o.Closed["RST"]+o.Closed["FIN"]+o.Closed["1005"] > 0 },
		},
		{
			"namespace-flood",
			hub.Options{},
			Spec{Kind: NamespaceFlood, Connections: 2},
			func(o *Outcome) bool { return o.Opened == 2 },
			func(o *Outcome) bool { return o.Open+o.ClosedSum() == 2 },
		},
		{
			"slow-body", // 1,024 bytes a second are wanted, behind a grace
			hub.Options{HandshakeTimeout: shortly},
			Spec{Kind: SlowBody, Connections: 5},
			func(o *Outcome) bool { return o.ClosedSum() == 5 },
			func(o *Outcome) bool {
				return o.Closed["408"]+o.Closed["FIN"]+o.Closed["RST"] == 5 && o.Closed["408"] > 0
			},
		},
		{
			"huge-head",
			hub.Options{},
			Spec{Kind: HugeHead, Rate: 200},
			func(o *Outcome) bool { return o.ClosedSum() >= 30 },
			func(o *Outcome) bool { return o.Closed["431"]+o.Closed["RST"] == o.ClosedSum() },
		},
		{
			"reset-flood",
			hub.Options{},
			Spec{Kind: ResetFlood, Rate: 2000},
			func(o *Outcome) bool { return o.Left >= 200 },
			func(o *Outcome) bool { return o.Opened == o.Left && o.Open == 0 && o.ClosedSum() == 0 },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.opts.PingInterval == 0 {
				tc.opts.PingInterval, tc.opts.PingTimeout = never, never
			}
			_, target := startHub(t, tc.opts)
			w := attack(t, tc.spec, target)
			w.until(t, tc.until)
			if o := w.stop(t); !tc.check(&o) {
				t.Errorf("%+v", o)
			}
		})
	}
}

// A slow consumer is cut off once more waits for it than the server allows, and learns of it although it does not read.
func TestSlow(t *testing.T) {
	s, target := startHub(t, hub.Options{OutboundBytesPerConnMax: 64 << 10})
	w := attack(t, Spec{Kind: Slow, Connections: 3}, target)
	w.until(t, func(o *Outcome) bool { return o.Opened == 3 })
	reader := join(t, s.Addr().String())
	flooding, flooded := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(flooded)
		message := strings.Repeat("m", 64<<10)
		for {
			select {
			case <-flooding:
				return
			default:
				_ = s.To("flood").Emit("flood", message) // a loop that has too much to do says so, and this goes on
			}
		}
	}()
	w.until(t, func(o *Outcome) bool { return o.ClosedSum() == 3 })
	close(flooding)
	<-flooded
	reader.echo(t)
	if o := w.stop(t); o.Closed["RST"] != 3 || o.Open != 0 {
		t.Errorf("%+v", o)
	}
}

// TestEachMalformedInput sends each input of the table alone, three times: a good server closes or refuses every one.
func TestEachMalformedInput(t *testing.T) {
	_, target := startHub(t, hub.Options{PingInterval: never, PingTimeout: never, ConnectTimeout: never, HandshakeTimeout: never})
	witness := join(t, target.Addr.String())
	for _, in := range malformed(target.Host, target.Path, false) {
		t.Run(in.name, func(t *testing.T) {
			w := attack(t, Spec{Kind: Malformed, Connections: 1, Rate: 1000}, target, in)
			w.until(t, func(o *Outcome) bool { return o.ClosedSum() >= 3 })
			if o := w.stop(t); o.RefusedSum() > 0 || o.ClosedSum() < 3 {
				t.Errorf("%+v", o)
			}
			witness.echo(t)
		})
	}
}

// TestAllAtOnce: while everything goes on, a client that means well is served.
func TestAllAtOnce(t *testing.T) {
	s, target := startHub(t, hub.Options{PayloadBytesMax: 100_000, OutboundBytesPerConnMax: 64 << 10})
	sources, err := source.Parse("127.0.0.2-127.0.0.5")
	if err != nil {
		t.Fatal(err)
	}
	target.Sources = sources
	client := join(t, s.Addr().String())
	specs, err := parseAll("slow=20,half-open=50,silent=20,slowloris=50,malformed=100/s,oversized=10/s,churn-flood=100/s,hoarder=5,ping-flood=1,event-flood=1,namespace-flood=1,slow-body=20,huge-head=10/s,reset-flood=100/s")
	if err != nil || len(specs) != len(Kinds()) {
		t.Fatal(specs, err)
	}
	var all []*watcher
	for _, spec := range specs {
		all = append(all, attack(t, spec, target))
	}
	for _, w := range all {
		w.until(t, func(o *Outcome) bool { return o.Opened >= 5 || o.Opened >= w.spec.Connections })
		client.echo(t)
	}
	_ = s.To("flood").Emit("flood", strings.Repeat("m", 32<<10))
	for range 100 {
		client.echo(t)
	}
	for _, w := range all {
		o := w.stop(t)
		t.Log(o.String())
	}
}

// TestRaw: a raw server has rooms too, and no packets.
func TestRaw(t *testing.T) {
	target := startLimit(t)
	for _, spec := range []Spec{
		{Kind: Slow, Connections: 4},
		{Kind: HalfOpen, Connections: 4},
		{Kind: Silent, Connections: 4},
		{Kind: Hoarder, Connections: 4},
		{Kind: PingFlood, Connections: 1},
		{Kind: EventFlood, Connections: 1},
		{Kind: NamespaceFlood, Connections: 1},
	} {
		w := attack(t, spec, target)
		w.until(t, func(o *Outcome) bool { return o.Opened == spec.Connections })
		if o := w.stop(t); o.RefusedSum() > 0 {
			t.Errorf("%s: %+v", spec.Kind, o)
		}
	}
	target.Rooms = nil // everybody is in the room
	w := attack(t, Spec{Kind: Slow, Connections: 2}, target)
	w.until(t, func(o *Outcome) bool { return o.Opened == 2 })
	w.stop(t)
}

// script is a server that says the same to everybody and then does as it is told.
func script(t *testing.T, says string, then func(net.Conn) error) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in := make([]byte, 4096)
			if _, err := c.Read(in); err == nil {
				_, _ = c.Write([]byte(says))
			}
			if then(c) != nil {
				c.Close()
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return socketTarget(l.Addr().String())
}

// What servers of these tests say. The accept belongs to the key of the bench.
const (
	switching  = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wqpKnLzhmCd0YSGDm3ZgKIXhagU=\r\n\r\n"
	openPacket = "\x81\x0b" + `0{"sid":""}`
)

func hangUp(net.Conn) error { return errScript }

func reset(c net.Conn) error {
	_ = c.(*net.TCPConn).SetLinger(0)
	return errScript
}

// TestHowAConnectionEnds: each way has its name, on the way in and after it.
func TestHowAConnectionEnds(t *testing.T) {
	for _, tc := range []struct {
		name, says string
		then       func(net.Conn) error
		kind       Kind
		refused    string
		closed     string
	}{
		{"refused with a status", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", hangUp, HalfOpen, "503", ""},
		{"no upgrade", "HTTP/1.1 200 OK\r\n\r\n", hangUp, HalfOpen, "no upgrade", ""},
		{"no HTTP", "what\n", hangUp, HalfOpen, "no upgrade", ""},
		{"closed without an answer", "", hangUp, HalfOpen, "FIN", ""},
		{"reset without an answer", "", reset, HalfOpen, "RST", ""},
		{"garbled before the namespace", switching + "\x83\x00", hangUp, HalfOpen, "garbled", ""},
		{"closed before the namespace", switching + openPacket + "\x88\x02\x03\xf0", hangUp, HalfOpen, "1008", ""},
		{"refused by the namespace", switching + openPacket + "\x81\x04" + "44{}", hangUp, HalfOpen, "connect_error", ""},
		{"closed with a code", switching + "\x88\x02\x03\xf0", hangUp, Silent, "", "1008"},
		{"closed without a code", switching + "\x88\x00", hangUp, Silent, "", "1005"},
		{"closed", switching, hangUp, Silent, "", "FIN"},
		{"reset", switching, reset, Silent, "", "RST"},
		{"closed behind what is garbled", switching + "\x83\x00", hangUp, Silent, "", "FIN"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := attack(t, Spec{Kind: tc.kind, Connections: 1}, script(t, tc.says, tc.then))
			w.until(t, func(o *Outcome) bool { return o.RefusedSum()+o.ClosedSum() == 1 })
			if o := w.stop(t); tc.refused != "" && o.Refused[tc.refused] != 1 || tc.closed != "" && o.Closed[tc.closed] != 1 {
				t.Errorf("%+v", o)
			}
		})
	}
}

// A server that does not close what it should have is told of: here at once, for tests have no time to give it.
func TestKept(t *testing.T) {
	kept := make(chan net.Conn, 10)
	target := script(t, "", func(c net.Conn) error {
		kept <- c
		return nil
	})
	nothing := input{"nothing special", wired, load{head: []byte("GET / HTTP/1.1\r\n\r\n")}}
	w := attack(t, Spec{Kind: Malformed, Connections: 1, Rate: 1000}, target, nothing)
	c := <-kept
	defer c.Close()
	w.until(t, func(o *Outcome) bool { return o.Opened == 1 })
	if o := w.stop(t); o.Kept["nothing special"] != 1 || o.Open != 1 || o.OpenNs <= 0 {
		t.Errorf("%+v", o)
	}
}

// TestSources: the connections come from all addresses of the pool in turn.
func TestSources(t *testing.T) {
	from := make(chan string, 4)
	target := script(t, "", func(c net.Conn) error {
		host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
		from <- host
		return errScript
	})
	var err error
	if target.Sources, err = source.Parse("127.0.0.2-127.0.0.3"); err != nil {
		t.Fatal(err)
	}
	attack(t, Spec{Kind: Silent, Connections: 4}, target)
	seen := map[string]int{}
	for range 4 {
		seen[<-from]++
	}
	if seen["127.0.0.2"] != 2 || seen["127.0.0.3"] != 2 {
		t.Errorf("%v", seen)
	}
}

// TestSeed: the same seed sends the same inputs in the same order, another one does not.
func TestSeed(t *testing.T) {
	target := script(t, "", hangUp)
	order := func(seed uint64) []int {
		target.Seed = seed
		return attack(t, Spec{Kind: Malformed, Rate: 1}, target).order
	}
	first := order(1)
	if again, other := order(1), order(2); !slices.Equal(first, again) || slices.Equal(first, other) || len(first) < 50 {
		t.Errorf("%v\n%v\n%v", first, again, other)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := socketTarget(l.Addr().String())
	l.Close()
	w := attack(t, Spec{Kind: Slow, Connections: 7}, target)
	w.until(t, func(o *Outcome) bool { return o.RefusedSum() == 7 })
	if o := w.stop(t); o.Refused["ECONNREFUSED"] != 7 || o.Attempts != 7 {
		t.Errorf("%+v", o)
	}
}

func TestStartRefuses(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:1")
	for _, tc := range []struct {
		name   string
		spec   Spec
		target Target
		err    error
	}{
		{"no address", Spec{Kind: Slow, Connections: 1}, Target{Protocol: flood.Raw}, ErrTarget},
		{"no protocol", Spec{Kind: Slow, Connections: 1}, Target{Addr: at}, ErrTarget},
		{"no kind", Spec{Connections: 1}, Target{Addr: at, Protocol: flood.Raw}, ErrKind},
		{"a share of nobody knows what", Spec{Kind: Slow, Percent: 5}, Target{Addr: at, Protocol: flood.Raw}, ErrConnections},
	} {
		if _, err := Start(tc.spec, tc.target); !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
	}
}

// TestStopLeavesNothing: whatever an attack was about, with it go its descriptors, and it may be stopped twice.
func TestStopLeavesNothing(t *testing.T) {
	target := script(t, switching, func(net.Conn) error { return errScript })
	before := descriptors(t)
	for _, d := range Kinds() {
		spec, err := parseSpec(d.Example)
		if err != nil {
			t.Fatal(err)
		}
		w := attack(t, spec.Among(100), target)
		w.until(t, func(o *Outcome) bool { return o.Attempts > 3 })
		first := w.stop(t)
		if again := w.Stop(); again.Attempts != first.Attempts {
			t.Errorf("stopped again: %+v, before %+v", again, first)
		}
	}
	// The script has one connection in its hands at most, and none of them for long.
	if after := descriptors(t); after > before+1 {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}
