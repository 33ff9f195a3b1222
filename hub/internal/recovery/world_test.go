package recovery

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A world is a journal with everything around it in miniature: two loops with their inboxes, players with connections on
// which messages are under way and can be lost, and a hand clock. Everything that happens in it is drawn from a tape.
//
// Beside the journal runs its obvious twin. What a player has received has to be, at any time and after any number of
// recoveries, the beginning of what the twin says that it should receive.
type world struct {
	t       testing.TB
	tape    []byte
	limits  Limits
	now     time.Duration
	j       *Journal[*sent]
	twin    slowJournal
	loops   [2]worldLoop
	players []*player

	acts    []*slowAct    // that have begun and not ended
	refused map[error]int // recoveries that were refused
	done    int           // recoveries that were not
	ended   int           // sessions that an act has ended while they were away
}

// sent is a message.
type sent struct {
	position Position
	offset   string
	aim      Aim
	bytes    int
}

type worldLoop struct {
	position Position
	inbox    []func()
	since    time.Duration // when the first of inbox was put in
}

// worldLagMax is how long a loop may be behind, and worldHeartbeat after what time a connection that delivers nothing has
// been ended. Together with the step of the journal's clock they are less than InFlightTime.
const (
	worldLagMax    = time.Second
	worldHeartbeat = 8 * time.Second
)

// player is a client and its socket.
type player struct {
	state   playerState
	id, pid string
	loop    *worldLoop
	history *History
	rooms   map[string]bool
	wire    []flight

	offset string // of the last event received, whatever session it was in: what the stock client would say
	broken bool   // the last event was one without offset, and offset is what stood last in it

	got        []*sent // in this session
	session    *slowSession
	replayedAt time.Duration // long ago if never
	brokenAt   time.Duration // when the connection ended
	savedAt    time.Duration // later than that if it was saved again
}

type playerState int

const (
	connecting playerState = iota // a task is on its way to the loop
	online
	offline // saved
	taken   // it comes back, and nothing was replayed yet
)

// flight is a message on its way to a client.
type flight struct {
	message *sent
	at      time.Duration
}

// slowJournal keeps all messages for ever and looks at each of them.
type slowJournal []*sent

// slowSession is what has happened to a session, in order.
type slowSession struct {
	id      string
	begin   Position
	changes []change
	doomed  bool // it was on the way back when an act meant it
}

func (s *slowSession) in(room string, p Position) bool {
	in := room == s.id
	for _, c := range s.changes {
		if c.room == room && c.at < p {
			in = c.join
		}
	}
	return in
}

// ever reports whether the session was in a room at any time.
func (s *slowSession) ever(room string) bool {
	return room == s.id || slices.ContainsFunc(s.changes, func(c change) bool { return c.room == room })
}

// stream returns what a session should receive from its begin on.
func (all slowJournal) stream(s *slowSession) (stream []*sent) {
	for _, m := range all {
		in := func(room string) bool { return s.in(room, m.position) }
		if m.position > s.begin && (m.aim.Everyone || slices.ContainsFunc(m.aim.Rooms, in)) && !slices.ContainsFunc(m.aim.Except, in) {
			stream = append(stream, m)
		}
	}
	return stream
}

var (
	worldRooms = []string{"a", "b", "c", "d"}

	roomyLimits = Limits{
		MaxDisconnectionDuration: 30 * time.Second, InFlightTime: 10 * time.Second,
		RoomBytesMax: 1 << 30, BytesMax: 1 << 34, SessionsMax: 1000,
	}
	// tightLimits are those under which everything is pressed out that can be.
	tightLimits = []Limits{
		{RoomBytesMax: 3000, BytesMax: 1 << 20, SessionsMax: 100},
		{RoomBytesMax: 1 << 20, BytesMax: 9000, SessionsMax: 3},
		{RoomBytesMax: 2000, BytesMax: 6000, SessionsMax: 100, ReplayBytesMax: 1500},
	}
)

// newWorld begins a world whose limits the tape chooses.
func newWorld(t testing.TB, tape []byte) *world {
	w := &world{t: t, tape: tape, limits: roomyLimits, refused: map[error]int{}}
	if c := w.draw(5); c < len(tightLimits) {
		w.limits = tightLimits[c]
		w.limits.MaxDisconnectionDuration, w.limits.InFlightTime = roomyLimits.MaxDisconnectionDuration, roomyLimits.InFlightTime
	}
	w.j = New[*sent](w.limits, func() time.Duration { return w.now }, sixBytes())
	for i := range 4 {
		w.players = append(w.players, w.connect(&player{}, fmt.Sprint("player", i)))
	}
	return w
}

// draw takes a number below n from the tape.
func (w *world) draw(n int) int {
	if len(w.tape) == 0 {
		return 0
	}
	b := w.tape[0]
	w.tape = w.tape[1:]
	return int(b) % n
}

// run lives through the tape.
func (w *world) run() {
	for len(w.tape) > 0 {
		w.step()
		checkJournal(w.t, w.j)
	}
	for i := range w.loops {
		w.work(&w.loops[i])
	}
	for _, p := range w.players {
		w.receive(p, len(p.wire))
		w.check(p)
		if p.state == taken {
			w.save(p)
		}
	}
	if stats := w.j.Stats(); stats.Transit != 0 || stats.Acts != 0 {
		w.t.Fatalf("in the end there is %+v, want nobody in transit and no act", stats)
	}
}

func (w *world) step() {
	p := w.players[w.draw(len(w.players))]
	switch w.draw(18) {
	case 0, 1, 2, 3:
		w.record(p)
	case 4:
		w.changeRoom(p, true)
	case 5:
		w.changeRoom(p, false)
	case 6, 7:
		w.work(&w.loops[w.draw(2)])
	case 8, 9:
		w.receive(p, w.draw(5))
	case 10:
		w.disconnect(p)
	case 11, 12:
		w.comeBack(p)
	case 13:
		w.receiveWithoutOffset(p)
	case 14:
		w.advance(w.drawTime())
	case 15:
		w.expire()
	case 16:
		w.act()
	case 17:
		w.goOn(p)
	}
}

func (w *world) drawTime() time.Duration {
	times := []time.Duration{100, 300, 1_000, 3_000, 9_000, 12_000, 25_000, 60_000}
	return times[w.draw(len(times))] * time.Millisecond
}

// connect begins a session.
func (w *world) connect(p *player, id string) *player {
	p.state, p.id, p.pid = connecting, id, "pid of "+id
	p.loop = &w.loops[w.draw(2)]
	w.post(p.loop, func() {
		p.state, p.history, p.rooms = online, NewHistory(p.loop.position), map[string]bool{id: true}
		p.session = &slowSession{id: id, begin: p.loop.position}
		p.wire, p.got, p.replayedAt = nil, nil, -time.Hour
	})
	return p
}

func (w *world) post(l *worldLoop, task func()) {
	if len(l.inbox) == 0 {
		l.since = w.now
	}
	l.inbox = append(l.inbox, task)
}

// work does what stands in a loop's inbox.
func (w *world) work(l *worldLoop) {
	for _, task := range l.inbox {
		task()
	}
	l.inbox = nil
}

func (w *world) drawAim(p *player) (aim Aim) {
	room := func() string { return worldRooms[w.draw(len(worldRooms))] }
	switch w.draw(8) {
	case 0:
		aim.Everyone = true
	case 1, 2, 3:
		aim.Rooms = []string{room()}
	case 4:
		aim.Rooms = []string{room(), room(), room()}
	case 5:
		aim.Rooms = []string{room(), p.id}
	case 6:
		aim.Rooms = []string{p.id}
	case 7: // nobody
	}
	switch w.draw(6) {
	case 0:
		aim.Except = []string{p.id}
	case 1:
		aim.Except = []string{room()}
	case 2:
		aim.Except = []string{"nobody's", p.id, room()}
	}
	return aim
}

// record sends a message. One for a single socket goes to its loop alone.
func (w *world) record(p *player) {
	aim := w.drawAim(p)
	m := &sent{aim: aim, bytes: []int{0, 10, 100, 1000}[w.draw(4)]}
	loops := []*worldLoop{&w.loops[0], &w.loops[1]}
	if slices.Equal(aim.Rooms, []string{p.id}) {
		loops = []*worldLoop{p.loop}
	}
	w.j.Record(aim, m.bytes, func(position Position, offset Offset) *sent {
		m.position, m.offset = position, offset.String()
		w.twin = append(w.twin, m)
		for _, l := range loops {
			w.post(l, func() { w.deliver(l, m) })
		}
		return m
	})
}

// deliver hands a message to the sockets of a loop that are in its rooms by now.
func (w *world) deliver(l *worldLoop, m *sent) {
	l.position = m.position
	for _, p := range w.players {
		in := func(room string) bool { return p.rooms[room] }
		if p.state == online && p.loop == l && (m.aim.Everyone || slices.ContainsFunc(m.aim.Rooms, in)) && !slices.ContainsFunc(m.aim.Except, in) {
			p.wire = append(p.wire, flight{m, w.now})
		}
	}
}

// changeRoom has a socket join or leave a room, in the order of its loop.
func (w *world) changeRoom(p *player, join bool) {
	room := worldRooms[w.draw(len(worldRooms))]
	w.post(p.loop, func() {
		if p.state != online || p.rooms[room] == join {
			return
		}
		w.change(p, room, join)
		for _, a := range w.acts { // what it means when the loop gets to it is another question
			delete(a.held, p.session)
		}
	})
}

func (w *world) change(p *player, room string, join bool) {
	p.rooms[room] = join
	p.session.changes = append(p.session.changes, change{join, room, p.loop.position})
	if join {
		p.history.Joined(room, p.loop.position)
	} else {
		p.history.Left(room, p.loop.position, w.j.Settled())
	}
}

// receive has a client get what has come.
func (w *world) receive(p *player, n int) {
	for range min(n, len(p.wire)) {
		p.got = append(p.got, p.wire[0].message)
		p.offset, p.broken = p.wire[0].message.offset, false
		p.wire = p.wire[1:]
	}
}

// receiveWithoutOffset has a client get a volatile event whose last argument is a string, which it takes for an offset.
func (w *world) receiveWithoutOffset(p *player) {
	if p.state == online && w.draw(4) == 0 {
		w.receive(p, len(p.wire))
		p.offset, p.broken = "good morning", true
	}
}

// advance lets time pass. The journal sees the clock each second, as it does where Expire is called, which here is another
// step so that much may be left to clear away.
func (w *world) advance(d time.Duration) {
	for i := range w.loops {
		if l := &w.loops[i]; len(l.inbox) > 0 && w.now+d-l.since > worldLagMax {
			w.work(l)
		}
	}
	for ; d > 0; d -= time.Second {
		w.now += min(d, time.Second)
		w.j.Settled()
	}
}

// disconnect ends a connection; the end of what is under way is lost.
func (w *world) disconnect(p *player) {
	if p.state != online {
		return
	}
	for len(p.wire) > 0 && p.wire[0].at < w.now-worldHeartbeat {
		w.receive(p, 1)
	}
	w.receive(p, w.draw(3))
	w.check(p)
	p.wire, p.brokenAt = nil, w.now
	w.save(p)
}

func (w *world) save(p *player) {
	meant := p.session.doomed || slices.ContainsFunc(w.acts, func(a *slowAct) bool { return a.means(p) })
	p.state, p.savedAt = offline, w.now
	over := w.j.Save(p.pid, Saved{SocketID: p.id, History: p.history, Data: p, Bytes: 10})
	if gone := slices.ContainsFunc(over, func(s Saved) bool { return s.SocketID == p.id }); meant && !gone {
		w.t.Fatalf("%s is kept, which an act means", p.id)
	} else if gone && !meant && w.limits.SessionsMax == roomyLimits.SessionsMax {
		w.t.Fatalf("%s is not kept, and no act means it", p.id)
	}
	if meant {
		w.ended++
	}
	w.end(over)
}

// end takes note of sessions that are over.
func (w *world) end(over []Saved) {
	for _, s := range over {
		p := s.Data.(*player)
		if p.state != offline || p.id != s.SocketID {
			w.t.Fatalf("the session of %s is over, which was not saved", s.SocketID)
		}
		w.connect(p, s.SocketID+"'") // which has to find out the hard way that its session is gone
	}
}

func (w *world) expire() { w.end(w.j.Expire()) }

// comeBack has a client reconnect.
func (w *world) comeBack(p *player) {
	if p.state != offline {
		return
	}
	s, ok := w.j.Take(p.pid)
	if ok != (w.now-p.savedAt < w.limits.MaxDisconnectionDuration) {
		w.t.Fatalf("after %v away there is a session: %v", w.now-p.savedAt, ok)
	}
	if !ok {
		w.expire()
		return
	}
	if s.SocketID != p.id || s.History != p.history {
		w.t.Fatalf("the session of %s was given to %s", s.SocketID, p.id)
	}
	p.state = taken
	if w.draw(3) > 0 {
		w.goOn(p)
	}
}

// goOn has a client that is on the way back go on, or gone again before anything was replayed.
func (w *world) goOn(p *player) {
	if p.state != taken {
		return
	}
	if w.draw(8) == 0 {
		w.save(p)
		return
	}
	s := Saved{SocketID: p.id, History: p.history}
	if err := w.j.Replay(s, p.offset, func(missed []*sent, upTo Position) { w.replay(p, missed, upTo) }); err != nil {
		w.refused[err]++
		w.justify(p, err)
		_ = w.j.Arrived(p.pid)
		w.connect(p, p.id+"'")
	}
}

// replay is the callback of Replay: the messages have to be those that the client has not got.
func (w *world) replay(p *player, missed []*sent, upTo Position) {
	w.done++
	p.state, p.replayedAt = connecting, w.now
	p.loop = &w.loops[w.draw(2)]
	if want := w.twin.stream(p.session)[len(p.got):]; !slices.Equal(missed, want) {
		w.t.Fatalf("%s has missed %v, want %v", p.id, positions(missed), positions(want))
	}
	w.post(p.loop, func() {
		p.loop.position = max(p.loop.position, upTo)
		if err := w.j.Arrived(p.pid); (err != nil) != p.session.doomed {
			w.t.Fatalf("%s, which was meant: %v, arrives with the error %v", p.id, p.session.doomed, err)
		} else if err != nil {
			w.refused[err]++
			w.ended++
			w.connect(p, p.id+"'")
			return
		}
		p.state = online
		var rooms []string
		for room, in := range p.rooms {
			if in && room != p.id {
				rooms = append(rooms, room)
			}
		}
		slices.Sort(rooms)
		if got := slices.Collect(p.history.Rooms); !slices.Equal(got, rooms) {
			w.t.Fatalf("%s is in %q, want %q", p.id, got, rooms)
		}
		for _, m := range missed {
			p.wire = append(p.wire, flight{m, w.now})
		}
	})
}
