package hub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"starling/eventloop"
)

// family is a server with four members on four loops: ann and bob are in red, bob and cid in blue, dan is in none.
type family struct {
	*Server
	peers   map[string]*peer
	sockets map[string]*Socket
}

func newFamily(t *testing.T) *family {
	t.Helper()
	var sockets <-chan *Socket
	f := &family{peers: map[string]*peer{}, sockets: map[string]*Socket{}}
	f.Server = start(t, Options{Loops: 4}, func(s *Server) {
		sockets = firstSocket(s.Namespace)
		s.OnLoop("sync", acked)
	})
	for name, rooms := range map[string][]string{"ann": {"red"}, "bob": {"red", "blue"}, "cid": {"blue"}, "dan": nil} {
		f.peers[name] = join(t, f.Server)
		f.sockets[name] = receive(t, sockets)
		if err := f.sockets[name].Join(rooms...); err != nil {
			t.Fatal(err)
		}
		f.peers[name].settled() // the join is done by now, or that would be behind it
	}
	return f
}

// heard returns who got the last broadcast, and requires that nobody got it twice.
func (f *family) heard(t *testing.T, message string) string {
	t.Helper()
	var who []string
	for name, p := range f.peers {
		if err := f.sockets[name].Emit("end"); err != nil { // behind the broadcast, on every loop
			t.Fatal(err)
		}
		for got := p.next(); got != `42["end"]`; got = p.next() {
			if got != message {
				t.Fatalf("%s got %q, want %q", name, got, message)
			}
			who = append(who, name)
		}
	}
	slices.Sort(who)
	return strings.Join(who, " ")
}

func TestBroadcasts(t *testing.T) {
	f := newFamily(t)
	ann, bob := f.sockets["ann"], f.sockets["bob"]
	for _, row := range []struct {
		name string
		to   emitter
		want string
	}{
		{"everyone", f.Server, "ann bob cid dan"},
		{"Except without rooms", f.Except(), "ann bob cid dan"},
		{"a room", f.To("red"), "ann bob"},
		{"In", f.In("red"), "ann bob"},
		{"two rooms, who is in both once", f.To("red", "blue"), "ann bob cid"},
		{"two rooms, one after the other", f.To("red").To("blue"), "ann bob cid"},
		{"the same room twice", f.To("red", "red").In("red"), "ann bob"},
		{"a room that nobody is in", f.To("green"), ""},
		{"To without rooms", f.To(), ""},
		{"To with an empty list of rooms", f.To([]string{}...), ""},
		{"To without rooms, and one later", f.To().To("red"), "ann bob"},
		{"To without rooms, from a socket", ann.To(), ""},
		{"everyone but a room", f.Except("red"), "cid dan"},
		{"everyone but two rooms", f.Except("red").Except("blue"), "dan"},
		{"a room but another", f.To("red").Except("blue"), "ann"},
		{"a room but itself", f.To("red").Except("red"), ""},
		{"one socket", f.To(bob.ID()), "bob"},
		{"two sockets", f.To(bob.ID(), ann.ID()), "ann bob"},
		{"a socket and its room, once", f.To(bob.ID(), "red"), "ann bob"},
		{"everyone but a socket", f.Except(bob.ID()), "ann cid dan"},
		{"a room but a socket", f.To("red").Except(bob.ID()), "ann"},
		{"the others", ann.Broadcast(), "bob cid dan"},
		{"the others of a room", ann.To("red"), "bob"},
		{"the others of a room, In", ann.In("red"), "bob"},
		{"the others but a room", ann.Except("blue"), "dan"},
		{"oneself is not among the others", ann.To(ann.ID()), ""},
		{"somebody else", ann.To(bob.ID()), "bob"},
		{"a room that one is not in", ann.To("blue"), "bob cid"},
		{"volatile", f.Volatile(), "ann bob cid dan"},
		{"volatile, to a room", f.To("red").Volatile().Except(bob.ID()), "ann"},
		{"an id that nobody has", f.To("AAAAAAAAAAAAAAAAAAAA"), ""},
	} {
		emit(t, row.to, "m", row.name)
		if got := f.heard(t, `42["m","`+row.name+`"]`); got != row.want {
			t.Errorf("%s: heard by %q, want %q", row.name, got, row.want)
		}
	}
}

// TestOperatorsNeverChange: two operators made of one do not share what each adds.
func TestOperatorsNeverChange(t *testing.T) {
	f := newFamily(t)
	// The lists of this one have room for more: three that became four.
	base := f.To("nobody", "no one", "none").To("never").Except("n1", "n2", "n3").Except("n4")
	red, blue := base.To("red"), base.To("blue")
	notBob, notCid := blue.Except(f.sockets["bob"].ID()), blue.Except(f.sockets["cid"].ID())
	for name, row := range map[string]struct {
		to   emitter
		want string
	}{
		"base": {base, ""}, "red": {red, "ann bob"}, "blue": {blue, "bob cid"}, "notBob": {notBob, "cid"}, "notCid": {notCid, "bob"},
	} {
		emit(t, row.to, "m", name)
		if got := f.heard(t, `42["m","`+name+`"]`); got != row.want {
			t.Errorf("%s: heard by %q, want %q", name, got, row.want)
		}
	}
}

// TestBroadcastsOfBytes: attachments go to each member as it takes them.
func TestBroadcastsOfBytes(t *testing.T) {
	s := start(t, Options{Loops: 4}, nil)
	plain := joinAll(t, s, 8)
	base64 := dial(t, s, "&b64=1")
	base64.expect(openPacket)
	base64.connect("40")
	emit(t, s, "file", map[string]any{"name": "a", "parts": []any{[]byte{1, 2}, []byte{}}}, []byte("\x03"))
	header := `453-["file",{"name":"a","parts":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":2}]`
	for _, c := range plain {
		c.expect(header, "<bin 0102>", "<bin >", "<bin 03>")
	}
	base64.expect(header, "bAQI=", "b", "bAw==")
}

func TestBroadcastsThatCannotBeEncoded(t *testing.T) {
	f := newFamily(t)
	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	for name, value := range map[string]any{
		"a channel": make(chan int), "a function": func() {}, "itself": cyclic, "bad raw JSON": Raw(`{"a":`),
		"eleven attachments": []any{
			[]byte{0}, []byte{1}, []byte{2}, []byte{3}, []byte{4}, []byte{5}, []byte{6}, []byte{7}, []byte{8}, []byte{9}, []byte{10},
		},
	} {
		for way, to := range map[string]emitter{"everyone": f.Server, "a room": f.To("red"), "one": f.sockets["ann"]} {
			if err := to.Emit("m", value); err == nil {
				t.Errorf("%s to %s: no error", name, way)
			}
		}
	}
	emit(t, f, "m", 1)
	if got := f.heard(t, `42["m",1]`); got != "ann bob cid dan" {
		t.Errorf("heard by %q", got)
	}
}

// TestOrderOfEmits: what one goroutine emits, to whomever and by whatever way, each member gets in that order; while
// others emit too.
func TestOrderOfEmits(t *testing.T) {
	const members, messages, emitters = 24, 1500, 3
	var sockets <-chan *Socket
	s := start(t, Options{Loops: 4, OutboundBytesPerConnMax: 64 << 20}, func(s *Server) { sockets = firstSocket(s.Namespace) })
	peers, theirs := make([]*peer, members), make([]*Socket, members)
	for i := range peers {
		peers[i] = join(t, s)
		theirs[i] = receive(t, sockets)
		if err := theirs[i].Join(fmt.Sprint("mod3-", i%3), fmt.Sprint("mod2-", i%2)); err != nil {
			t.Fatal(err)
		}
	}
	want := make([][emitters][]int, members) // what each member is to hear of each emitter
	var emitting sync.WaitGroup
	for e := range emitters {
		emitting.Go(func() {
			r := rand.New(rand.NewPCG(uint64(e), 7))
			for n := range messages {
				to, hears := aim(s, theirs, r)
				if err := to.Emit("m", e, n); err != nil {
					t.Errorf("emit %d: %v", n, err)
					return
				}
				for i := range members {
					if hears(i) {
						want[i][e] = append(want[i][e], n)
					}
				}
			}
		})
	}
	emitting.Wait()
	emit(t, s, "end")
	var hearing sync.WaitGroup
	for i, p := range peers {
		hearing.Go(func() {
			var got [emitters][]int
			for m := p.message(); m != `42["end"]`; m = p.message() {
				var e, n int
				if _, err := fmt.Sscanf(m, `42["m",%d,%d]`, &e, &n); err != nil {
					t.Errorf("member %d got %q", i, m)
					return
				}
				got[e] = append(got[e], n)
			}
			for e := range emitters {
				if !slices.Equal(got[e], want[i][e]) {
					t.Errorf("member %d heard %d messages of emitter %d, want %d, in order", i, len(got[e]), e, len(want[i][e]))
				}
			}
		})
	}
	hearing.Wait()
}

// aim chooses whom to emit to, and says which members that is.
func aim(s *Server, members []*Socket, r *rand.Rand) (to emitter, hears func(i int) bool) {
	n := r.IntN(len(members))
	switch r.IntN(7) {
	case 0:
		return s, func(int) bool { return true }
	case 1:
		return s.To(fmt.Sprint("mod3-", n%3)), func(i int) bool { return i%3 == n%3 }
	case 2:
		return s.To("mod3-0", fmt.Sprint("mod2-", n%2)), func(i int) bool { return i%3 == 0 || i%2 == n%2 }
	case 3:
		return members[n].To("mod2-0"), func(i int) bool { return i%2 == 0 && i != n }
	case 4:
		return s.To(members[n].ID()), func(i int) bool { return i == n }
	case 5:
		return s.Except(members[n].ID(), "mod3-1"), func(i int) bool { return i%3 != 1 && i != n }
	default:
		return members[n], func(i int) bool { return i == n }
	}
}

// TestBatches: broadcasts to the same members that wait together are joined, and are the same messages all the same.
func TestBatches(t *testing.T) {
	s := simulate(t, Options{}, nil)
	one, two, base64 := s.join(), s.join(), s.dial("&b64=1")
	s.connect(base64, "/")
	two.Conn().Loop().PostAlways(taskFunc(func() { s.shard().space(s.Namespace).index.Join(two.socket, "r") }))
	s.sim.Run()
	var wantOne, wantTwo, wantBase64 []string
	all := func(messages ...string) {
		wantOne, wantTwo, wantBase64 = append(wantOne, messages...), append(wantTwo, messages...), append(wantBase64, messages...)
	}
	for n := range 500 {
		text := fmt.Sprintf(`42["m",%d]`, n)
		switch {
		case n%100 == 7: // now and then to somebody else
			emit(t, s.To("r"), "m", n)
			wantTwo = append(wantTwo, text)
			continue
		case n%100 == 8:
			emit(t, s.To("r").Except(two.socket.ID()), "m", n)
			continue
		case n%100 == 13:
			emit(t, s, "m", n, []byte{byte(n)})
			all(fmt.Sprintf(`451-["m",%d,{"_placeholder":true,"num":0}]`, n))
			bin := fmt.Sprintf("<bin %02x>", byte(n))
			wantOne, wantTwo = append(wantOne, bin), append(wantTwo, bin)
			wantBase64 = append(wantBase64, map[int]string{13: "bDQ==", 113: "bcQ==", 213: "b1Q==", 313: "bOQ==", 413: "bnQ=="}[n])
			continue
		case n%100 == 17:
			emit(t, s, "m", strings.Repeat("x", 40_000))
			text = `42["m","` + strings.Repeat("x", 40_000) + `"]`
		case n%100 == 19:
			emit(t, s.Volatile(), "m", n)
		case n%100 == 21:
			emit(t, one.socket, "m", n)
			wantOne = append(wantOne, text)
			continue
		default:
			emit(t, s, "m", n)
		}
		all(text)
	}
	s.sim.Run()
	one.expect(wantOne...)
	two.expect(wantTwo...)
	base64.expect(wantBase64...)
}

// TestVolatile: a client that does not keep up loses what may be lost, and gets the rest.
func TestVolatile(t *testing.T) {
	s := simulate(t, Options{}, nil)
	slow, quick := s.join(), s.join()
	slow.Stalled, slow.Window = true, 0
	step := func(to emitter, n int) {
		t.Helper()
		emit(t, to, "m", n)
		s.sim.Run()
	}
	step(s, 1)
	step(s.Volatile(), 2)
	step(s, 3)
	step(s.To(slow.socket.ID()).Volatile(), 4)
	if err := slow.socket.EmitVolatile("m", 5); err != nil {
		t.Error(err)
	}
	s.sim.Run()
	for n, to := range []emitter{s, s, s.Volatile(), s.Volatile(), s, s} { // together in one iteration
		emit(t, to, "m", 10+n)
	}
	s.sim.Run()
	slow.Resume()
	s.sim.Advance(1e9)
	step(s.Volatile(), 6)
	if err := slow.socket.EmitVolatile("m", 7); err != nil {
		t.Error(err)
	}
	s.sim.Run()
	slow.expect(`42["m",1]`, `42["m",3]`, `42["m",10]`, `42["m",11]`, `42["m",14]`, `42["m",15]`, `42["m",6]`, `42["m",7]`)
	quick.expect(`42["m",1]`, `42["m",2]`, `42["m",3]`, `42["m",10]`, `42["m",11]`, `42["m",12]`, `42["m",13]`, `42["m",14]`, `42["m",15]`, `42["m",6]`)
}

// TestOverload: when a loop has more to do than it can hold, whoever asks for more is told, and later may again.
func TestOverload(t *testing.T) {
	s := simulate(t, Options{}, nil)
	p := s.join()
	p.Hangup(nil) // nobody is there: only the loop's own list is to become long
	other := s.join()
	for n := range eventloop.InboxTasksMax {
		if err := s.To("r").Emit("m", n); err != nil {
			t.Fatalf("emit %d = %v", n, err)
		}
	}
	_, askErr := other.socket.EmitWithAck(t.Context(), "m")
	_, roomsErr := other.socket.Rooms(t.Context())
	for way, err := range map[string]error{
		"everyone": s.Emit("m"), "a room": s.To("r").Emit("m"), "volatile": s.Volatile().Emit("m"),
		"a socket": other.socket.Emit("m"), "EmitVolatile": other.socket.EmitVolatile("m"),
		"EmitAck":     other.socket.EmitAck(0, "m", func(*Reply, error) { t.Error("called") }),
		"EmitWithAck": askErr, "Rooms": roomsErr,
		"Join": other.socket.Join("r"), "Leave": other.socket.Leave("r"), "LeaveAll": other.socket.LeaveAll(),
	} {
		if !errors.Is(err, ErrOverloaded) {
			t.Errorf("%s = %v, want ErrOverloaded", way, err)
		}
	}
	s.sim.Run()
	emit(t, s, "m", "again")
	s.sim.Run()
	other.expect(`42["m","again"]`)
}

// TestEmitBeforeListen reaches nobody, and is no error.
func TestEmitBeforeListen(t *testing.T) {
	s := New(Options{})
	emit(t, s, "m")
	emit(t, s.Of("/n").To("r"), "m")
}
