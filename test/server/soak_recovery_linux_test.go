package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"starling/internal/starlingtest"
)

// TestSoakRecovery cuts clients off at random while messages flow to their rooms, and has them come back as the stock client does, with
// what they know of their session. Whoever is told that it is recovered has got everything, once and in order, over all its
// connections together; whoever is not has a new id, is in no room, and begins anew. STARLING_CUTS says how many cuts there are,
// STARLING_SEED repeats their order.
func TestSoakRecovery(t *testing.T) {
	t.Parallel()
	const rooms, each = 4, 10
	cuts := countOf(t, "STARLING_CUTS", 300)
	seed := seedOf(t)
	// So few bytes are kept of each room that who is away for long cannot get all of it.
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--recovery", "2m", "--recovery-room-max", "65536"))
	var tally recoveries
	var cutting, reading, sending sync.WaitGroup
	for r := range rooms {
		room := newRecoveryRoom(t, s.Addr, fmt.Sprintf("r%d", r))
		cutting.Add(each)
		for i := range each {
			m := &exile{addr: s.Addr, room: room, polls: i%4 == 3, random: rand.New(rand.NewPCG(seed, uint64(r*each+i))), tally: &tally}
			reading.Go(func() {
				err := m.wander(int64(cuts))
				cutting.Done()
				if err == nil {
					err = m.readToEnd()
				}
				m.hangUp()
				if err != nil {
					t.Errorf("member %d of %s: %v", i, room.name, err)
					tally.left.Store(int64(cuts)) // the others need not go on
				}
			})
		}
		sending.Go(func() {
			if err := room.keepTalking(); err != nil {
				t.Errorf("%s: %v", room.name, err)
			}
		})
		defer room.finish()
		go func() { cutting.Wait(); room.finish() }()
	}
	reading.Wait()
	sending.Wait()
	tally.report(t, cuts)
	s.Stop(t)
	wantNoErrors(t, s)
}

// recoveries count what has become of those who were cut off.
type recoveries struct {
	left      atomic.Int64 // cuts that were begun
	mu        sync.Mutex
	recovered map[string]int // by how they were cut
	anew      map[string]int
	missed    int // messages that the recovered got of what was sent while they were away, or was on its way
}

func (r *recoveries) note(how string, recovered bool, missed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recovered == nil {
		r.recovered, r.anew = map[string]int{}, map[string]int{}
	}
	if !recovered {
		r.anew[how]++
		return
	}
	r.recovered[how]++
	r.missed += missed
}

func (r *recoveries) report(t *testing.T, cuts int) {
	t.Helper()
	again, anew := 0, 0
	for _, n := range r.recovered {
		again += n
	}
	for _, n := range r.anew {
		anew += n
	}
	t.Logf("%d cuts: %d recovered, with %d messages that they had missed, and %d began anew", again+anew, again, r.missed, anew)
	all := maps.Clone(r.recovered)
	maps.Copy(all, r.anew)
	for _, how := range slices.Sorted(maps.Keys(all)) {
		t.Logf("%6d recovered, %6d anew: %s", r.recovered[how], r.anew[how], how)
	}
	if t.Failed() {
		return
	}
	if again+anew < cuts || again < anew || r.missed == 0 {
		t.Errorf("of %d cuts %d recovered and %d began anew", cuts, again, anew)
	}
	if anew == 0 && cuts >= 300 {
		t.Error("nobody was away for so long that it had to begin anew")
	}
}

// recoveryRoom is a room in which one client talks, as fast as another one, which is never cut off, hears it.
type recoveryRoom struct {
	name           string
	talker, steady *client
	mu             sync.Mutex
	grown          sync.Cond
	sent           int  // messages that are sent, or about to be
	last           bool // the next message is the last
	over           bool
}

func newRecoveryRoom(t *testing.T, addr, name string) *recoveryRoom {
	t.Helper()
	r := &recoveryRoom{name: name, talker: mustRecoverable(t, addr), steady: mustRecoverable(t, addr)}
	r.grown.L = &r.mu
	if got, err := r.steady.exchange(fmt.Sprintf(`420["join",%q]`, name)); err != nil || got != `430["ok"]` {
		t.Fatalf("got %q, %v", got, err)
	}
	return r
}

// mustRecoverable connects a client of a server with recovery, which tells more than the id of its socket.
func mustRecoverable(t *testing.T, addr string) *client {
	t.Helper()
	c := &client{Conn: starlingtest.Dial(t, addr)}
	if err := c.Upgrade(target); err != nil {
		t.Fatal(err)
	}
	if _, err := c.receive(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.exchange("40"); err != nil || !strings.HasPrefix(got, `40{"sid":"`) {
		t.Fatalf("got %q, %v", got, err)
	}
	return c
}

// next is the number of the next message, and whether it is the last.
func (r *recoveryRoom) next() (n int, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, last = r.sent, r.last
	r.sent++
	r.grown.Broadcast()
	return n, last
}

// keepTalking sends until it is to finish.
func (r *recoveryRoom) keepTalking() error {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over = true
		r.grown.Broadcast()
	}()
	for {
		n, last := r.next()
		if err := r.talker.send(fmt.Sprintf(`42["room",%q,%d,%v]`, r.name, n, last)); err != nil {
			return err
		}
		got, err := r.steady.receive()
		if err != nil || !strings.HasPrefix(got, fmt.Sprintf(`42["room",%q,%d,`, r.name, n)) {
			return fmt.Errorf("the one who stays got %q, %w; want message %d", got, err, n)
		}
		if last {
			return nil
		}
	}
}

func (r *recoveryRoom) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = true
}

// sentBy is how many messages are sent by now.
func (r *recoveryRoom) sentBy() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent
}

// awaitMore waits until so many more are sent.
func (r *recoveryRoom) awaitMore(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for until := r.sent + n; r.sent < until && !r.over; {
		r.grown.Wait()
	}
}

// exile is a member of a room who is cut off again and again.
type exile struct {
	addr   string
	room   *recoveryRoom
	polls  bool
	random *rand.Rand
	tally  *recoveries

	way              way
	sid, pid, offset string
	want             int  // the number that must come next; of one that has just come in the greatest that it may be
	floating         bool // and has not heard any
	turned           bool // there is one of it that has turned back, and that the server may not have heard of yet
	ended            bool // the last has come
}

// way is a member's session: over a WebSocket, or by polling.
type way interface {
	send(packet string) error
	receive() (string, error)
	abandon(how int) // cuts the connections
}

// The ways to be cut off.
var cutsOf = []string{"reset", "closed", "reset within a frame of its own", "left open", "while it comes back"}

const (
	cutComingBack = 4
	// overtaken is who hears the end from the server: the one that has turned back was read last, and so has the session.
	overtaken = "overtaken by the one that turned back"
)

// Those who come back as somebody else is told apart.
const (
	longAway   = ", and away for long"
	forgetPast = ", with an id that nobody has"
)

var (
	errOrder = errors.New("lost, twice or out of order")
	errLiar  = errors.New("neither recovered nor new")
	errEnded = errors.New("its session or connection has ended")
)

// wander connects, hears some messages, is cut off, stays away while some more are sent, and comes back, until all cuts are done.
func (m *exile) wander(cuts int64) error {
	if _, err := m.connect(""); err != nil {
		return err
	}
	for m.tally.left.Add(1) <= cuts {
		how, over := m.random.IntN(len(cutsOf)), false
		for range m.random.IntN(40) {
			if err := m.hear(); m.turned && errors.Is(err, errEnded) {
				over = true
				break
			} else if err != nil {
				return err
			}
		}
		name, claim, away, old := cutsOf[how], m.pid, m.random.IntN(30), m.way
		m.turned = !over && how == cutComingBack
		switch {
		case over:
			name = overtaken
			old.abandon(0)
		case m.turned:
			old.abandon(m.random.IntN(cutComingBack - 1))
			if err := m.turnBack(); err != nil {
				return err
			}
		default:
			old.abandon(how)
		}
		switch m.random.IntN(20) {
		case 0:
			name, away = name+longAway, 1500
		case 1:
			name, claim = name+forgetPast, "AAAAAAAAAAAAAAAAAAAA"
		}
		m.room.awaitMore(away)
		missed := m.room.sentBy() - m.want
		recovered, err := m.connect(claim)
		if m.turned && errors.Is(err, errEnded) {
			m.way.abandon(0)
			recovered, err = m.connect(claim)
		}
		old.abandon(0) // of whoever was left open
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if recovered && claim != m.pid {
			return fmt.Errorf("%w: recovered by another's id", errLiar)
		}
		m.tally.note(name, recovered, max(missed, 0))
	}
	return nil
}

// open begins a session.
func (m *exile) open() (err error) {
	if m.polls {
		p := &pollWay{Poller: starlingtest.NewPoller(m.addr)}
		m.way, err = p, p.Handshake()
		return err
	}
	conn, err := starlingtest.TryDial(m.addr)
	if err != nil {
		return err
	}
	c := &client{Conn: conn}
	m.way = socketWay{c}
	if err := c.Upgrade(target); err != nil {
		return err
	}
	_, err = c.receive()
	return err
}

// turnBack is cut off before it knows what has become of its session.
func (m *exile) turnBack() error {
	if err := m.open(); err != nil {
		return err
	}
	if err := m.way.send(m.connectPacket(m.pid)); err != nil {
		return err
	}
	m.way.abandon(0)
	return nil
}

func (m *exile) connectPacket(pid string) string {
	switch {
	case pid == "":
		return "40"
	case m.offset == "":
		return fmt.Sprintf(`40{"pid":%q}`, pid)
	}
	return fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, m.offset)
}

// connect comes in, with the private id of a session or without one.
func (m *exile) connect(pid string) (recovered bool, err error) {
	if err := m.open(); err != nil {
		return false, err
	}
	if err := m.way.send(m.connectPacket(pid)); err != nil {
		return false, err
	}
	var early []string // what was missed comes before the answer
	got, err := m.receive()
	for err == nil && strings.HasPrefix(got, "42[") {
		early = append(early, got)
		got, err = m.receive()
	}
	if err != nil {
		return false, err
	}
	var id struct{ SID, PID string }
	if !strings.HasPrefix(got, "40{") || json.Unmarshal([]byte(got[2:]), &id) != nil || id.SID == "" || id.PID == "" {
		return false, fmt.Errorf("CONNECT was answered with %q", got)
	}
	switch samePID, sameSID := id.PID == m.pid, id.SID == m.sid; {
	case samePID != sameSID:
		return false, fmt.Errorf("%w: socket %s, and before %s; private %s, and before %s", errLiar, id.SID, m.sid, id.PID, m.pid)
	case samePID:
		for _, packet := range early {
			if err := m.take(packet); err != nil {
				return true, err
			}
		}
		return true, nil
	case len(early) > 0:
		return false, fmt.Errorf("%w: got %q in front of its first room", errLiar, early)
	}
	m.sid, m.pid, m.offset = id.SID, id.PID, ""
	return false, m.join()
}

// join begins anew. What is sent once the server has said that it is in must reach it.
func (m *exile) join() error {
	if err := m.way.send(fmt.Sprintf(`420["join",%q]`, m.room.name)); err != nil {
		return err
	}
	m.floating, m.want = true, 1<<30
	for {
		got, err := m.way.receive()
		if err != nil {
			return err
		}
		if got == `430["ok"]` {
			break
		}
		if err := m.take(got); err != nil { // a message may come before the answer
			return err
		}
	}
	if m.floating {
		m.want = m.room.sentBy()
	}
	return nil
}

// receive reads the next packet.
func (m *exile) receive() (string, error) {
	got, err := m.way.receive()
	if err != nil {
		err = fmt.Errorf("%w: %w", errEnded, err)
	}
	return got, err
}

func (m *exile) hear() error {
	got, err := m.receive()
	if err != nil {
		return err
	}
	return m.take(got)
}

// take enters a message into the account.
func (m *exile) take(packet string) error {
	var args []any
	if !strings.HasPrefix(packet, "42[") || json.Unmarshal([]byte(packet[2:]), &args) != nil || len(args) != 5 || args[0] != "room" || args[1] != m.room.name {
		return fmt.Errorf("got %q", packet)
	}
	number, isNumber := args[2].(float64)
	last, isBool := args[3].(bool)
	offset, isOffset := args[4].(string)
	if !isNumber || !isBool || !isOffset {
		return fmt.Errorf("got %q", packet)
	}
	n := int(number)
	if n != m.want && !(m.floating && n < m.want) {
		return fmt.Errorf("%w: message %d, want %d (has it just come in: %v)", errOrder, n, m.want, m.floating)
	}
	m.want, m.floating, m.offset, m.ended = n+1, false, offset, last
	return nil
}

func (m *exile) readToEnd() error {
	for !m.ended {
		err := m.hear()
		if m.turned && errors.Is(err, errEnded) {
			m.turned = false
			m.way.abandon(0)
			_, err = m.connect(m.pid)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *exile) hangUp() {
	if m.way != nil {
		m.way.abandon(0)
	}
}

// socketWay is a session over a WebSocket.
type socketWay struct{ *client }

func (w socketWay) abandon(how int) {
	switch cutsOf[how] {
	case "closed":
		w.Close()
	case "reset within a frame of its own":
		_, _ = w.Write(starlingtest.Masked(starlingtest.Text, []byte(`42["echo","never whole"]`))[:9])
		_ = w.Reset()
	case "left open":
	default:
		_ = w.Reset()
	}
}

// pollWay is one by polling. A poll brings several packets.
type pollWay struct {
	*starlingtest.Poller
	got []string
}

func (w *pollWay) send(packet string) error { return w.Post(packet) }

func (w *pollWay) receive() (string, error) {
	for len(w.got) == 0 {
		var err error
		if w.got, err = w.Get(); err != nil {
			return "", err
		}
	}
	packet := w.got[0]
	w.got = w.got[1:]
	return packet, nil
}

// abandon cuts a GET off, as far as there is one: what the server answers to it is lost on the way.
func (w *pollWay) abandon(how int) {
	if cutsOf[how] == "left open" {
		return
	}
	if down, err := w.Down(); err == nil && cutsOf[how] != "closed" {
		_, _ = down.Write([]byte(w.GetRequest()))
	}
	w.Close()
}
