package control

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"starling/hub"
)

// This file is POST /v1/emit with lines of JSON: each is an event of its own, and is answered by a line, in order.
//
// One goroutine does it all. It emits every line that has come, without waiting for counts, and when nothing more is there
// to be read it waits for the counts of all of them, writes the results, and reads on. So a sender of single lines gets
// its answer at once, and for one that does not stop neither a goroutine nor a write is spent on a line.

// typeNDJSON is the content type of a stream.
const typeNDJSON = "application/x-ndjson"

// stream is one of them.
type stream struct {
	api     *API
	call    *call
	sum     [sha256.Size]byte // of the key, which a reload may replace
	nsp     string            // of the query
	ctx     context.Context
	to      *answer
	control *http.ResponseController

	in   []byte // has come and is not done: in[at:]
	at   int
	more int     // bytes of in beyond streamBufferBytes, for a long line
	over bool    // the body has ended
	keys *[]*key // those of which the call's key is one
	body emitBody

	waiting []sent // lines that have been emitted and not answered
	results []byte
}

// sent is a line that waits for its result.
type sent struct {
	id      ulid.ULID
	receipt *hub.Receipt // nil: err
	err     *Error
}

// streams are those that are open, to be ended with the server.
type streams struct {
	mu    sync.Mutex
	open  map[*stream]bool
	ended chan struct{} // closed when all of them are to end
}

func (all *streams) init() { all.open, all.ended = map[*stream]bool{}, make(chan struct{}) }

// over tells whether all streams are to end. The lock is held.
func (all *streams) over() bool {
	select {
	case <-all.ended:
		return true
	default:
		return false
	}
}

// begin takes a stream in, unless there are too many.
func (all *streams) begin(s *stream) *Error {
	all.mu.Lock()
	defer all.mu.Unlock()
	switch most := s.call.key.streams; {
	case all.over():
		return errShutdown
	case all.ofKey(s.call.key) >= most:
		return errStreamsMax(most)
	case len(all.open) >= StreamsMax:
		return errOverloaded
	}
	all.open[s] = true
	return nil
}

// ofKey counts those of a key. The lock is held.
func (all *streams) ofKey(k *key) (n int) {
	for s := range all.open {
		if s.sum == k.sum {
			n++
		}
	}
	return n
}

func (all *streams) end(s *stream) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.open, s)
}

func (all *streams) count() int {
	all.mu.Lock()
	defer all.mu.Unlock()
	return len(all.open)
}

// stop has all streams end: what has come is still answered.
func (all *streams) stop() {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.over() {
		return
	}
	close(all.ended)
	for s := range all.open {
		_ = s.control.SetReadDeadline(time.Unix(1, 0))
	}
}

// patience sets when a silent stream ends, unless all of them do.
func (all *streams) patience(s *stream) (goOn bool) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.over() {
		return false
	}
	_ = s.control.SetReadDeadline(time.Now().Add(StreamIdleTime))
	return true
}

// Stop ends the streams in order, and lets none begin: http.Server.Shutdown would wait for them. NewServer sees to it.
func (a *API) Stop() { a.streams.stop() }

// stream answers a request that is a stream.
func (a *API) stream(w *answer, r *http.Request, c *call) *Error {
	c.operation = opStream
	query := r.URL.Query()
	for name := range query {
		if name != "nsp" {
			return bad("parameter_unknown", clip(name), "a stream has no such parameter")
		}
	}
	if r.Header.Get("Idempotency-Key") != "" {
		return bad("idempotency_key_invalid", "Idempotency-Key", "a stream cannot be replayed as a whole")
	}
	s := &stream{
		api: a, call: c, sum: c.key.sum, nsp: query.Get("nsp"), ctx: r.Context(), to: w, control: http.NewResponseController(w),
		in: make([]byte, 0, streamBufferBytes),
	}
	if err := a.streams.begin(s); err != nil {
		return err
	}
	defer a.streams.end(s)
	defer s.shrink()
	if err := s.open(r); err != nil {
		return err
	}
	s.run(r.Body)
	if !s.over {
		_ = s.control.SetReadDeadline(time.Now().Add(restTimeMax)) // net/http reads on, and is not to wait for what never comes
	}
	return nil
}

// open begins the reply before the request has ended (RFC 9112 9.5 lets a server do so).
func (s *stream) open(r *http.Request) *Error {
	if err := s.control.EnableFullDuplex(); err != nil {
		return failure(http.StatusUnsupportedMediaType, "content_type_unsupported", "Content-Type", "a stream needs HTTP/1.1")
	}
	if r.Header.Get("Expect") != "" {
		s.goOn()
	}
	s.to.Header().Set("Content-Type", typeNDJSON)
	if r.ContentLength != 0 { // a stream may end before its body does, and nobody knows what comes behind (RFC 9112 9.6)
		s.to.Header().Set("Connection", "close")
	}
	s.to.through = true
	s.to.WriteHeader(http.StatusOK)
	_ = s.control.Flush()
	return nil
}

// goOn tells a client that asks to go on to do so (RFC 9110 10.1.1), without the headers that are meant for the reply. The
// server would do it at the first read, but not behind a status.
func (s *stream) goOn() {
	h := s.to.Header()
	kept := h.Clone()
	clear(h)
	s.to.WriteHeader(http.StatusContinue)
	maps.Copy(h, kept)
}

// run reads lines to the end.
func (s *stream) run(body io.Reader) {
	for {
		if !s.lines() || !s.flush() || !s.api.streams.patience(s) {
			return
		}
		room := s.room()
		if len(room) == 0 {
			s.answerWith(sent{err: errOverloaded})
			s.flush()
			return
		}
		n, err := body.Read(room)
		s.in = s.in[:len(s.in)+n]
		if !s.keyHolds() {
			return
		}
		if err != nil {
			s.last(err)
			return
		}
	}
}

// keyHolds tells whether a line may be done: a key that was taken away, or locked, since the stream began counts as it is now.
func (s *stream) keyHolds() bool {
	keys := s.api.cfg.Keys.set.Load()
	if keys == s.keys {
		return true
	}
	s.keys = keys
	k := now(*keys, s.call.key)
	switch {
	case k == nil:
		s.answerWith(sent{err: errKeyInvalid})
	case !k.may(ScopePublish):
		s.answerWith(sent{err: errScope(ScopePublish)})
	default:
		s.call.key = k
		return true
	}
	s.flush()
	return false
}

// last does what is left at the end of the body. A line that was cut off by anything else than the end is none, and behind a
// body that was broken the connection is cut.
func (s *stream) last(err error) {
	if s.over = errors.Is(err, io.EOF); s.over {
		_ = s.control.SetReadDeadline(time.Time{}) // net/http reads on, to see whether the client goes away, and would take it for that
	}
	if s.lines() && s.over && s.at < len(s.in) {
		s.line(s.in[s.at:])
	}
	s.flush()
	var timeout net.Error
	if !s.over && (!errors.As(err, &timeout) || !timeout.Timeout()) {
		s.to.status = http.StatusBadRequest
		panic(http.ErrAbortHandler) // an orderly end would say that all was well (RFC 9112 8)
	}
}

// room is where the next bytes go, or nothing when the bodies of all requests are too many bytes. The buffer grows to hold one line,
// and behind it is given back: a stream may be silent for a long time.
func (s *stream) room() []byte {
	s.in = s.in[:copy(s.in, s.in[s.at:])]
	s.at = 0
	switch {
	case len(s.in) == 0:
		s.shrink()
	case len(s.in) == cap(s.in):
		more := min(2*cap(s.in), s.api.cfg.EventBytesMax+streamBufferBytes) - cap(s.in)
		if !s.api.bodies.take(more) {
			return nil
		}
		s.more += more
		s.in = append(make([]byte, 0, len(s.in)+more), s.in...)
	}
	return s.in[len(s.in):cap(s.in)]
}

// shrink gives back what a long line has taken. The buffer is empty, or not needed any more.
func (s *stream) shrink() {
	if s.more > 0 {
		s.api.bodies.give(s.more)
		s.more, s.in = 0, make([]byte, 0, streamBufferBytes)
	}
}

// lines does all complete lines that have come. It returns false when the stream is at its end: behind a line that is too
// long nobody could say where the next one begins.
func (s *stream) lines() bool {
	for {
		n := bytes.IndexByte(s.in[s.at:], '\n')
		if n > s.api.cfg.EventBytesMax || n < 0 && len(s.in)-s.at > s.api.cfg.EventBytesMax {
			s.answerWith(sent{err: errBodyBytes(s.api.cfg.EventBytesMax)})
			s.flush()
			return false
		}
		if n < 0 {
			return true
		}
		line := s.in[s.at : s.at+n]
		s.at += n + 1
		if !s.line(line) {
			return false
		}
	}
}

// line does one line. It returns false when nobody is there for the result, or the key does not hold any more.
func (s *stream) line(line []byte) bool {
	if len(bytes.TrimSpace(line)) == 0 {
		return true
	}
	if err := s.wait(); err != nil {
		return s.answerWith(sent{err: err})
	}
	if !s.keyHolds() {
		return false
	}
	receipt, err := s.emit(line)
	if err != nil {
		return s.answerWith(sent{err: s.api.asError(s.ctx, err)})
	}
	return s.answerWith(sent{id: s.api.ids.next(s.api.cfg.Now()), receipt: receipt})
}

// wait slows a stream down to its key's rate: it could not send a line again that was refused for being early without
// changing the order of all that follow.
func (s *stream) wait() *Error {
	limiter := s.call.key.limiter
	if limiter == nil {
		return nil
	}
	reservation := limiter.ReserveN(s.api.cfg.Now(), 1)
	delay := reservation.DelayFrom(s.api.cfg.Now())
	if delay <= 0 {
		return nil
	}
	s.flush()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.ctx.Done():
	case <-s.api.streams.ended:
	}
	return errShutdown
}

// emit emits what a line says.
func (s *stream) emit(line []byte) (*hub.Receipt, error) {
	s.body.reset()
	if err := s.body.read(line, true); err != nil {
		return nil, err
	}
	e, err := s.api.aim(s.ctx, s.call, &s.body, s.nsp)
	if err != nil {
		return nil, err
	}
	return e.send()
}

// answerWith notes what a line comes to, and makes room when too many wait.
func (s *stream) answerWith(line sent) bool {
	s.waiting = append(s.waiting, line)
	if len(s.waiting) < StreamWindowMax {
		return true
	}
	s.settle()
	return len(s.results) < resultsBytesMax || s.flush()
}

// settle waits for all that wait, and writes down their results.
func (s *stream) settle() {
	if len(s.waiting) == 0 {
		return
	}
	ctx, cancel := patient(s.ctx)
	defer cancel()
	for i := range s.waiting {
		s.results = s.waiting[i].append(s.results, ctx, s.call.id)
		s.waiting[i] = sent{}
	}
	s.waiting = s.waiting[:0]
}

// append appends the line that answers a line.
func (l *sent) append(dst []byte, ctx context.Context, requestID string) []byte {
	if l.receipt == nil {
		return appendJSON(dst, failed(l.err, requestID))
	}
	d, err := settle(ctx, "", l.receipt)
	if err != nil {
		return appendJSON(dst, failed(err, requestID))
	}
	var id [ulid.EncodedSize]byte
	_ = l.id.MarshalTextTo(id[:]) // it is as long as it has to be
	dst = append(dst, `{"status":200,"id":"`...)
	dst = append(dst, id[:]...)
	dst = append(dst, `","matched":`...)
	dst = strconv.AppendInt(dst, int64(d.Matched), 10)
	dst = append(dst, `,"queued":`...)
	dst = strconv.AppendInt(dst, int64(d.Queued), 10)
	dst = append(dst, `,"dropped":`...)
	dst = strconv.AppendInt(dst, int64(d.Dropped), 10)
	if d.Incomplete {
		dst = append(dst, `,"incomplete":true`...)
	}
	return append(dst, "}\n"...)
}

// flush sends all results. It returns false when nobody takes them any more.
func (s *stream) flush() bool {
	s.settle()
	if len(s.results) == 0 {
		return true
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(bodyTimeMax))
	defer func() { _ = s.control.SetWriteDeadline(time.Time{}) }() // the end of the reply may be a long time away
	_, err := s.to.Write(s.results)
	if err == nil {
		err = s.control.Flush()
	}
	s.results = s.results[:0]
	return err == nil
}
