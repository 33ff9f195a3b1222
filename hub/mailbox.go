package hub

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// job is something that is done off the loops.
type job struct {
	run   func()
	event *Event  // or an event
	by    handler // and its handler
	bytes int     // held until it is done
}

// queue is what waits to be done off the loops, in order, for a socket or for a namespace.
type queue struct{ mail atomic.Pointer[mailbox] }

// mailbox holds the jobs of one queue that wait, while a goroutine works them off. A queue has one only while there is
// something to do, so an idle socket has neither.
type mailbox struct {
	queue  *queue
	nsp    *Namespace
	socket *Socket // nil: it is the namespace's
	mu     sync.Mutex
	jobs   []job
	bytes  int
	over   bool // worked off and let go of; a new job needs a new mailbox
}

// enqueue gives a job to the socket's queue. Any goroutine may, but order is kept only for what one of them enqueues.
func (s *Socket) enqueue(j job) { s.queue.enqueue(s.nsp, s, j) }

// enqueue gives a job to the namespace's queue.
func (n *Namespace) enqueue(j job) { n.queue.enqueue(n, nil, j) }

// enqueueAnswer gives a job that no handler of the application is in the way of.
func (n *Namespace) enqueueAnswer(j job) { n.answers.enqueue(n, nil, j) }

func (q *queue) enqueue(n *Namespace, s *Socket, j job) {
	for {
		m := q.mail.Load()
		if m != nil && m.put(j) {
			return
		}
		fresh := &mailbox{queue: q, nsp: n, socket: s, jobs: []job{j}, bytes: j.bytes}
		if q.mail.CompareAndSwap(m, fresh) {
			n.server.workers.start(fresh)
			return
		}
	}
}

// full reports whether an event of n bytes is one too many for the socket's mailbox.
func (s *Socket) full(n int) bool {
	m := s.queue.mail.Load()
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.jobs) >= MailboxEventsMax || m.bytes > 0 && m.bytes+n > MailboxBytesMax
}

func (m *mailbox) put(j job) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return false
	}
	m.jobs = append(m.jobs, j)
	m.bytes += j.bytes
	return true
}

// take returns the next job; the mailbox is over when there is none.
func (m *mailbox) take() (j job, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.jobs) == 0 {
		m.over = true
		return job{}, false
	}
	j = m.jobs[0]
	m.jobs[0] = job{}
	m.jobs = m.jobs[1:]
	m.bytes -= j.bytes
	return j, true
}

// workers run mailboxes on goroutines. A handler may block for as long as it likes, so one that has blocked must not keep
// another mailbox waiting; and a handler that does not block, which is the usual one, should not cost a goroutine. So at
// any time at most one goroutine is on its way to look for a mailbox, and whoever takes one while more are waiting sends
// the next goroutine on its way first. Handlers that return are then run by a few goroutines one after the other, and each
// one that blocks makes room for one more goroutine, up to the limit.
type workers struct {
	limit  int
	log    *slog.Logger
	panics atomic.Int64

	mu        sync.Mutex
	waiting   []*mailbox
	busy      int           // goroutines that run a mailbox
	parked    int           // goroutines that wait for wake
	searching bool          // a goroutine is on its way to look
	idle      chan struct{} // not nil when somebody waits for all work to be done; closed then
	wake      chan struct{} // as many tokens as goroutines were woken; closed by stop
	stopped   bool
}

// parkedMax is how many goroutines stay for the next mailbox. They save the growing of a fresh stack, which costs more
// than a small handler does.
const parkedMax = 8

func (w *workers) init(limit int, log *slog.Logger) {
	w.limit, w.log = limit, log
	w.wake = make(chan struct{}, parkedMax)
}

// start has a mailbox worked off, soon.
func (w *workers) start(m *mailbox) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, m)
	w.search()
}

// search sends a goroutine on its way if there is something to find and none is on its way. The lock is held.
func (w *workers) search() {
	switch {
	case w.searching || len(w.waiting) == 0:
	case w.parked > 0:
		w.parked--
		w.searching = true
		w.wake <- struct{}{} // has room for all that may be parked
	case w.busy < w.limit:
		w.searching = true
		go w.work()
	}
}

// work works off one mailbox after the other.
func (w *workers) work() {
	m := w.next(true)
	defer func() {
		if m != nil { // a handler has called runtime.Goexit: its goroutine is lost, and nothing else
			w.goesOn(m)
		}
	}()
	for ; m != nil; m = w.next(false) {
		for j, ok := m.take(); ok; j, ok = m.take() {
			w.do(m, j)
		}
		m.queue.mail.CompareAndSwap(m, nil)
	}
}

// goesOn has another goroutine go on with a mailbox.
func (w *workers) goesOn(m *mailbox) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
	w.waiting = append(w.waiting, m)
	w.search()
}

// next returns the next mailbox, waiting for it if that is worthwhile, or nil when the goroutine may end. searcher says that
// it has come to look; otherwise it has just worked one off.
func (w *workers) next(searcher bool) *mailbox {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !searcher {
		w.busy--
	}
	for {
		if searcher {
			w.searching = false
		}
		if len(w.waiting) > 0 {
			break
		}
		w.announceIdle()
		if w.parked == parkedMax || w.stopped {
			return nil
		}
		searcher = w.park()
	}
	m := w.waiting[0]
	w.waiting[0] = nil
	w.waiting = w.waiting[1:]
	w.busy++
	w.search()
	return m
}

// park waits to be woken, and reports whether it was; otherwise the workers have stopped. The lock is held at both ends.
func (w *workers) park() (woken bool) {
	w.parked++
	w.mu.Unlock()
	_, woken = <-w.wake
	w.mu.Lock()
	return woken
}

// announceIdle tells whoever waits for it that all work is done. The lock is held.
func (w *workers) announceIdle() {
	if w.busy == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// stop lets the parked goroutines go. What is started afterwards still runs.
func (w *workers) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.stopped = true
		w.parked = 0
		close(w.wake)
	}
}

// do does one job. What it panics with costs that job.
func (w *workers) do(m *mailbox, j job) {
	defer func() {
		if r := recover(); r != nil {
			w.panicked(m.nsp.name, m.socket, j.by.name, r)
		}
	}()
	if j.event == nil {
		j.run()
		return
	}
	defer j.event.free()
	m.socket.handle(j.by, j.event)
}

// panicked reports a handler's panic.
func (w *workers) panicked(nsp string, s *Socket, event string, r any) {
	w.panics.Add(1)
	socket := ""
	if s != nil {
		socket = s.id
	}
	w.log.Error("panic in handler", "namespace", nsp, "event", event, "socket", socket, "panic", r, "stack", string(debug.Stack()))
}

// quiet returns a channel that is closed when no handler runs or waits to run; nil if that is so now.
func (w *workers) quiet() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy == 0 && len(w.waiting) == 0 {
		return nil
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	return w.idle
}
