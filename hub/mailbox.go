package hub

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// job is something that is done for a socket off its loop.
type job struct {
	run   func()
	event *Event  // or an event
	by    handler // and its handler
	bytes int     // held until it is done
}

// mailbox holds the jobs of one socket that wait, in order, while a goroutine works them off. A socket has one only while
// there is something to do, so an idle socket has neither.
type mailbox struct {
	socket *Socket
	mu     sync.Mutex
	jobs   []job
	bytes  int
	over   bool // worked off and let go of; a new job needs a new mailbox
}

// enqueue gives a job to the socket's mailbox. Any goroutine may, but order is kept only for what one of them enqueues.
func (s *Socket) enqueue(j job) {
	for {
		m := s.mail.Load()
		if m != nil && m.put(j) {
			return
		}
		fresh := &mailbox{socket: s, jobs: []job{j}, bytes: j.bytes}
		if s.mail.CompareAndSwap(m, fresh) {
			s.nsp.server.workers.start(fresh)
			return
		}
	}
}

// full reports whether an event of n bytes is one too many for the socket's mailbox.
func (s *Socket) full(n int) bool {
	m := s.mail.Load()
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

// workers run mailboxes, each on a goroutine for as long as it has jobs, and not too many at a time: handlers that block
// for long must not become goroutines without end.
type workers struct {
	limit  int
	log    *slog.Logger
	panics atomic.Int64

	mu      sync.Mutex
	running int
	waiting []*mailbox
	idle    chan struct{} // not nil when somebody waits for running to become 0; closed then
}

// start has a mailbox worked off, now or when another one is done.
func (w *workers) start(m *mailbox) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running >= w.limit {
		w.waiting = append(w.waiting, m)
		return
	}
	w.running++
	go w.work(m)
}

// work works off one mailbox after the other while any waits.
func (w *workers) work(m *mailbox) {
	for ; m != nil; m = w.next() {
		for j, ok := m.take(); ok; j, ok = m.take() {
			w.do(m.socket, j)
		}
		m.socket.mail.CompareAndSwap(m, nil)
	}
}

// next returns a waiting mailbox, or nil when this goroutine may end.
func (w *workers) next() *mailbox {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) > 0 {
		m := w.waiting[0]
		w.waiting[0] = nil
		w.waiting = w.waiting[1:]
		return m
	}
	w.running--
	if w.running == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
	return nil
}

// do does one job. What it panics with costs that job.
func (w *workers) do(s *Socket, j job) {
	defer func() {
		if r := recover(); r != nil {
			w.panicked(s, j.by.name, r)
		}
	}()
	if j.event == nil {
		j.run()
		return
	}
	defer j.event.free()
	j.by.off(s, j.event)
}

// panicked reports a handler's panic.
func (w *workers) panicked(s *Socket, event string, r any) {
	w.panics.Add(1)
	w.log.Error("panic in handler", "namespace", s.nsp.name, "event", event, "socket", s.id, "panic", r, "stack", string(debug.Stack()))
}

// quiet returns a channel that is closed when no handler runs; a nil one if none runs now.
func (w *workers) quiet() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == 0 {
		return nil
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	return w.idle
}
