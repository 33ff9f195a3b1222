package eventloop

import (
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"starling/eventloop/internal/inbox"
	"starling/eventloop/internal/wheel"
	"starling/internal/invariants"
)

// Handler is what one loop runs: the head of its column. Its methods are called on the loop's goroutine alone.
type Handler interface {
	// OnOpen is told of each connection that is admitted, or that comes from another loop or back from a [Listener],
	// once, before anything else about it. It must give the connection a receiver with [Conn.SetReceiver].
	OnOpen(c *Conn)
	// OnDrain is told, once, that the engine shuts down: say goodbye and close what is open. Connections that are
	// still there at the deadline of Shutdown are cut.
	OnDrain()
}

// Task is a message to a loop.
type Task interface {
	// Run is called on the goroutine of the loop that it was posted to. One Task may be posted to many loops.
	Run(l *Loop)
}

// Batcher is a Task that can be run together with others like it, when they wait in the inbox directly behind it: a
// broadcast to the same members, for instance. It never changes, since other loops may be running it at the same time.
type Batcher interface {
	Task
	// Joins reports whether this task, the first of a batch that has size tasks by now, can be run with next.
	Joins(next Task, size int) bool
	// RunBatch is called instead of Run, with at least two tasks in the order in which they were posted, this one first.
	// The slice is borrowed until it returns.
	RunBatch(l *Loop, batch []Task)
}

// TaskFunc is a Task made of a function.
type TaskFunc func(l *Loop)

// Run calls f.
func (f TaskFunc) Run(l *Loop) { f(l) }

// Timer is one timeout of one owner, set with [Loop.Schedule]. It is made to be embedded; the zero value is unset.
type Timer = wheel.Timer

// Expirer is the owner of a [Timer], told on the loop's goroutine when it is due.
type Expirer = wheel.Expirer

// Loop is one event loop. The methods that say so may be called from any goroutine; everything else only on the loop's own
// goroutine, that is from within a Handler, Receiver, Task or Expirer.
type Loop struct {
	index   int
	limits  Limits
	shared  *shared
	log     *slog.Logger
	clock   func() time.Duration
	bell    func()   // wakes an idle loop; any goroutine
	again   func()   // asks for one more iteration after the I/O that is ready; the loop's goroutine
	binding *binding // to gnet; nil in a Sim
	handler Handler

	// How a loop acts on a transport.
	send           func(c *Conn, b []byte) (int, syscall.Errno) // non-blocking; takes what it can
	closeWrite     func(c *Conn) error
	closeTransport func(t Transport) error
	move           func(c *Conn, to *Loop, a *arrival) error // a becomes a copy of c, which leaves

	inbox   inbox.Inbox[Task]
	armed   atomic.Bool  // a drain is due or under way
	tickDue atomic.Bool  // the ticker wants the timers turned
	tickAt  atomic.Int64 // when the tick that is due was asked for (the engine's clock), for the watchdog
	slow    atomic.Bool  // some connection is blocked: tick faster

	batch    []Task // scratch of collect
	soon     []Task // put off with Soon, oldest first, from soonNext on
	soonNext int

	now     time.Duration
	turned  time.Duration // when the timers were looked at last
	grace   time.Duration // no timer is due before, see excuse
	excused bool          // grace was not over yet when timers were last to be turned
	reading time.Duration // when the reading began that the next drain follows, on the clock; 0 if nothing was read
	wheel   *wheel.Wheel
	current *Conn // the connection whose callback is running
	inside  int   // depth of our own code that walks connections: closes wait until it is 0

	dirty      []*Conn // connections with something queued, oldest first, from dirtyNext on
	dirtyNext  int
	blocked    []*Conn // connections whose peer does not keep up
	ending     []*Conn // connections to be cut at the end of this callback
	ended      []*Conn // connections that gnet has closed while we were inside
	lingering  []*Conn // connections closing, or waiting to be refused, each with the time in its end.by
	backlog    int     // bytes pending on blocked connections, as last published
	held       int     // bytes that wait elsewhere, see Hold
	heldKnown  int     // of which this much is published
	scratch    []byte  // see keep
	boxes      boxes
	gatherings []byte // scratch of flushConn, for bytes that are written together

	counts counts
}

// Limits are the bounds of one engine's connections.
type Limits struct {
	OutboundBytesPerConnMax int           // what one connection may have pending, in bytes
	OutboundBytesMax        int           // what all connections may have pending, in bytes
	InboxTasksMax           int           // tasks waiting in one loop
	LingerMax               time.Duration // how long a closing connection may take
}

// shared is what the loops of one engine have in common: counters, each written with atomics.
type shared struct {
	conns    atomic.Int64 // admitted and not closed yet
	refusals atomic.Int64 // refused and not closed yet
	backlog  atomic.Int64 // bytes pending on blocked connections, or held
	panics   atomic.Int64
	full     atomic.Int64 // connections turned away because of the cap
	late     atomic.Int64 // because the engine shuts down
}

func (s *shared) overloaded(limits Limits) bool {
	return s.backlog.Load() > int64(limits.OutboundBytesMax)
}

func newLoop(index int, limits Limits, sh *shared, log *slog.Logger, clock func() time.Duration) *Loop {
	l := &Loop{index: index, limits: limits, shared: sh, log: log, clock: clock, wheel: wheel.New()}
	l.now = clock()
	l.wheel.Advance(int64(l.now / tick))
	return l
}

// Index is the loop's number, from 0. It never changes.
func (l *Loop) Index() int { return l.index }

// Now is the time since the engine started. It advances in steps of up to about 100 ms and never goes back: right for
// timeouts, too coarse for measuring.
func (l *Loop) Now() time.Duration { return l.now }

// Clock is the time since the engine started, read from the system's clock: right for measuring. Any goroutine.
func (l *Loop) Clock() time.Duration { return l.clock() }

// Post hands t to the loop, which runs its tasks in the order in which they were posted. It never blocks. It reports
// false, and t will not run, when too many tasks wait already. Any goroutine.
func (l *Loop) Post(t Task) bool {
	if !l.inbox.Put(t, l.limits.InboxTasksMax) {
		return false
	}
	l.ring()
	return true
}

// PostAlways is Post without the bound, for messages whose number is bounded by something else: one for each
// connection, one for each answer. Any goroutine.
func (l *Loop) PostAlways(t Task) {
	l.inbox.Put(t, 0)
	l.ring()
}

// Full reports whether Post would refuse. Any goroutine.
func (l *Loop) Full() bool { return l.inbox.Len() >= l.limits.InboxTasksMax }

// Idle reports whether no posted task waits. A handler uses it to keep its own order: what it sends directly would
// overtake what it has posted.
func (l *Loop) Idle() bool { return l.inbox.Empty() }

// Soon puts t off until what is ready has been read and what is posted has run, as far as this iteration goes, but before
// its writes: t finds together what they have produced. Tasks put off run in order, as a rule in this iteration or in the
// next; when many thousands wait they take several. t may put off others, which then belong to the next iteration.
func (l *Loop) Soon(t Task) { l.soon = append(l.soon, t) }

// Hold adds to the bytes that wait for slow peers outside of connections, or takes from them with a negative number: a
// session that is polled holds its messages until its next request. They count in [Loop.Overloaded] from the end of
// the present callback or iteration on. To bound them, and to free them in need, is up to who holds them: the loop cuts
// connections for their own share alone.
func (l *Loop) Hold(bytes int) {
	l.held += bytes
	invariants.Assert(l.held >= 0, "more bytes were released than held: %d", l.held)
}

// Overloaded reports whether the process holds so many pending bytes that nobody new should be let in, as
// [Engine.Overloaded] does. Any goroutine.
func (l *Loop) Overloaded() bool { return l.shared.overloaded(l.limits) }

// Schedule sets t to tell owner after d (rounded up to the loop's resolution of 100 ms, so never early), moving it if it
// was set.
func (l *Loop) Schedule(t *Timer, d time.Duration, owner Expirer) {
	// One more than d needs, because the current tick is partly over. From now, not from where the wheel stands: while it
	// catches up with a loop that was held, a ping would be sent and given up within one breath.
	l.wheel.ScheduleAt(t, int64(l.now/tick)+int64((d+tick-1)/tick)+1, owner)
}

// Cancel unsets t; cancelling an unset timer does nothing.
func (l *Loop) Cancel(t *Timer) { l.wheel.Cancel(t) }

// ring makes sure that a drain will come. Any goroutine.
func (l *Loop) ring() {
	if l.armed.CompareAndSwap(false, true) {
		l.bell()
	}
}

// drain is one iteration of the loop beside its I/O: timers, posted tasks, writes. armed stays true throughout, so that
// producers that post meanwhile do not ring: gnet would run their bell before it looks at its sockets again, and a
// steady producer would starve all I/O. What is left over asks for its turn through epoll instead, behind ready I/O.
func (l *Loop) drain() {
	l.now = l.clock()
	read := l.endReading()
	if l.tickDue.Load() {
		l.counts.ticked(l.now, time.Duration(l.tickAt.Load())) // before the next one may be asked for
		l.tickDue.Store(false)
		l.guard(nil, l.turnTimers)
	}
	l.runTasks(read)
	l.runSoon()
	l.flush(flushConnsMax)
	l.settle()
	if l.inbox.Empty() && l.clean() && !l.tickDue.Load() {
		l.armed.Store(false)
		if l.inbox.Empty() && !l.tickDue.Load() {
			return
		}
		// Something came between the look and the store, and its producer may have found the loop still armed.
		if !l.armed.CompareAndSwap(false, true) {
			return
		}
	}
	l.again()
}

// runTasks works off the inbox for a bounded time: as long as the reading before it has taken at least, if there is so much
// to do. What clients send becomes tasks, an answer each perhaps, and if more of them were made in an iteration than done,
// a single client that floods would have everybody's answers wait behind thousands of its own.
func (l *Loop) runTasks(read time.Duration) {
	for n := 1; ; n++ {
		t, ok := l.inbox.Next()
		if !ok {
			return
		}
		if first, ok := t.(Batcher); ok && l.collect(first) {
			l.runBatch(first)
		} else {
			l.runTask(t)
		}
		if took := l.clock() - l.now; took > max(drainTimeMax, read) || n >= drainTasksMax && took >= read {
			return
		}
	}
}

// beginReading notes when the reading began that the next drain follows: at the first callback of the iteration that asks
// for a drain, as far as can be told before it has run. So no sleep is counted.
func (l *Loop) beginReading() {
	if l.reading == 0 || !l.armed.Load() {
		l.now = l.clock() // which may have been held since the last drain
		l.reading = l.now
	}
}

// endReading returns how long it took.
func (l *Loop) endReading() (took time.Duration) {
	if l.reading > 0 {
		took = l.now - l.reading
	}
	l.reading = 0
	return took
}

func (l *Loop) runTask(t Task) {
	l.inside++
	defer l.rescue(nil)
	t.Run(l)
}

// collect takes the tasks that join the first one out of the inbox, and reports whether there were any.
func (l *Loop) collect(first Batcher) bool {
	l.batch = append(l.batch[:0], first)
	for len(l.batch) < drainTasksMax {
		next, ok := l.inbox.Peek()
		if !ok || !first.Joins(next, len(l.batch)) {
			break
		}
		l.inbox.Next()
		l.batch = append(l.batch, next)
	}
	return len(l.batch) > 1
}

func (l *Loop) runBatch(first Batcher) {
	l.inside++
	defer l.rescue(nil)
	defer clear(l.batch)
	first.RunBatch(l, l.batch)
}

// turnTimers runs what is due, and looks after connections that wait for their peer.
func (l *Loop) turnTimers() {
	if !l.excuse() {
		l.wheel.Advance(int64(l.now / tick))
		l.pollLingering()
	}
	l.pollBlocked()
	l.boxes.trim()
}

// excuse reports whether timers are to wait, because the loop was held: by a callback, or with the whole machine. What
// peers have sent meanwhile waits in the kernel, and nobody should be found late whose bytes are there. A loop that is held
// again and again turns its timers every other time.
func (l *Loop) excuse() bool {
	held := l.now-l.turned > heldLoopMax
	l.turned = l.now
	if held && !l.excused {
		l.grace = l.now + heldLoopMax
	}
	l.excused = l.now < l.grace
	return l.excused
}

// guard runs f as code that may not be interrupted by a close and whose panic costs at most c.
func (l *Loop) guard(c *Conn, f func()) {
	l.inside++
	defer l.rescue(c)
	f()
}

// rescue ends a guarded section. A panic is logged with its stack and counted; the connection that it belongs to, if
// any, is cut, because nobody knows what state it is in.
func (l *Loop) rescue(c *Conn) {
	l.inside--
	r := recover()
	if r == nil {
		return
	}
	l.shared.panics.Add(1)
	l.log.Error("panic on event loop", "loop", l.index, "panic", r, "stack", string(debug.Stack()))
	if c != nil {
		c.Abort(ErrPanic)
	}
}

// runSoon runs what was put off before this call.
func (l *Loop) runSoon() {
	for range min(len(l.soon)-l.soonNext, soonTasksMax) {
		t := l.soon[l.soonNext]
		l.soon[l.soonNext] = nil
		l.soonNext++
		l.runTask(t)
	}
	l.soon, l.soonNext = compact(l.soon, l.soonNext)
}

// clean reports whether nothing waits to be written, nor is put off.
func (l *Loop) clean() bool { return l.dirtyNext == len(l.dirty) && l.soonNext == len(l.soon) }

// flush writes to at most conns dirty connections, in the order in which they became dirty, so that under overload
// everybody is served.
func (l *Loop) flush(conns int) {
	for ; conns > 0 && l.dirtyNext < len(l.dirty); conns-- {
		c := l.dirty[l.dirtyNext]
		l.dirty[l.dirtyNext] = nil
		l.dirtyNext++
		if c.is(dirty) {
			l.flushConn(c)
		}
	}
	l.dirty, l.dirtyNext = compact(l.dirty, l.dirtyNext)
}

// compact drops the elements before next from a list, when that is worth it. Under lasting overload the list is never
// empty; what is done with makes room all the same.
func compact[T any](list []T, next int) ([]T, int) {
	if next <= len(list)/2 {
		return list, next
	}
	rest := copy(list, list[next:])
	clear(list[rest:])
	return list[:rest], 0
}

// settle carries out the closes that were asked for, or that happened, while connections were being walked.
func (l *Loop) settle() {
	for len(l.ending)+len(l.ended) > 0 {
		for _, c := range take(&l.ending) {
			c.cut()
		}
		for _, c := range take(&l.ended) {
			c.tellClosed()
		}
	}
	if l.held != l.heldKnown { // once a callback, since loops share the counter
		l.shared.backlog.Add(int64(l.held - l.heldKnown))
		l.heldKnown = l.held
	}
}

// take empties a list and returns what it held; the memory is not reused, because what the caller does with the
// elements may append to the list again.
func take(list *[]*Conn) []*Conn {
	taken := *list
	*list = nil
	return taken
}

// opened takes in a connection that was admitted.
func (l *Loop) opened(c *Conn) {
	l.counts.came()
	l.guard(c, func() { l.handler.OnOpen(c) })
	if c.recv == nil && !c.is(closed|ending) {
		c.Abort(errNoReceiver)
	}
	l.finishFor(c)
}

// received takes what has been read from the connection. b is borrowed from gnet until received returns.
func (l *Loop) received(c *Conn, b []byte) {
	l.beginReading()
	l.counts.read(len(b))
	l.pass(c, b)
}

// pass hands bytes to the connection's receiver.
func (l *Loop) pass(c *Conn, b []byte) {
	if c.is(closing | closed) {
		return // we said our last word: what still comes is read only so that the peer gets it
	}
	l.current = c
	l.deliver(c, b)
	l.current = nil
	if invariants.Enabled {
		invariants.Mangle(b)
	}
	l.finishFor(c)
}

// receivedBefore gives a connection that has come from elsewhere what was read of it there.
func (l *Loop) receivedBefore(c *Conn, read []byte) {
	if len(read) > 0 {
		l.pass(c, read)
	}
}

func (l *Loop) deliver(c *Conn, b []byte) {
	l.inside++
	defer l.rescue(c)
	c.recv.OnData(c, b)
}

// finishFor ends a callback of one connection: what was queued on it is written now, what was queued on others when the
// I/O that is ready has been read.
func (l *Loop) finishFor(c *Conn) {
	if c.is(dirty) {
		l.flushConn(c)
	}
	l.resetScratch()
	l.settle()
	if !l.clean() {
		l.ring()
	}
}

// closedBelow takes in that the transport has closed the connection.
func (l *Loop) closedBelow(c *Conn, cause error) {
	if c.is(closed) {
		return
	}
	c.markClosed(cause)
	if l.inside > 0 {
		l.ended = append(l.ended, c)
		return
	}
	c.tellClosed()
	l.settle()
	if !l.clean() {
		l.ring()
	}
}
