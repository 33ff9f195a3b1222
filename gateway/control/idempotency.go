package control

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// replyKey is what an Idempotency-Key is the name of: two API keys, or two operations, may use the same one.
type replyKey struct {
	key       [sha256.Size]byte
	operation string
	name      string
}

// print is the sum of all of a request that says what it does.
type print [sha256.Size]byte

func fingerprint(r *http.Request, c *call) (p print) {
	h := sha256.New()
	for _, part := range []string{r.URL.EscapedPath(), c.query, c.socketID} {
		_, _ = io.WriteString(h, part)
		_, _ = h.Write([]byte{0}) // which no part contains
	}
	_, _ = h.Write(c.body)
	h.Sum(p[:0])
	return p
}

// kept is a reply that may be sent again.
type kept struct {
	print   print
	expires time.Time
	status  int
	body    []byte
	bytes   int
}

// replyBytes is what a kept reply takes beside its texts, in the maps and lists that it is in.
const replyBytes = 400

func (k *kept) send(w *answer) {
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body)
}

// replies are those to requests with an Idempotency-Key, of the last IdempotencyTime, and the requests that are under way.
// All are kept for the same time, so that they expire in the order in which they have come: the order of the list, since
// nothing that is looked up moves in it.
type replies struct {
	now func() time.Time

	mu    sync.Mutex
	done  *simplelru.LRU[replyKey, *kept]
	bytes int // of done
	open  map[replyKey]print
}

func newReplies(now func() time.Time) *replies {
	r := &replies{now: now, open: map[replyKey]print{}}
	r.done, _ = simplelru.NewLRU(IdempotencyEntriesMax, func(_ replyKey, k *kept) { r.bytes -= k.bytes }) // the size is above 0
	return r
}

// begin notes that a request is under way, until done is called with its answer, or returns the reply to the first one.
func (r *replies) begin(under replyKey, p print) (done func(*answer), _ *kept, _ *Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	if first, ok := r.open[under]; ok {
		if first != p {
			return nil, nil, errIdempotentBody
		}
		return nil, nil, errIdempotentOpen
	}
	if k, ok := r.done.Peek(under); ok {
		if k.print != p {
			return nil, nil, errIdempotentBody
		}
		return nil, k, nil
	}
	r.open[under] = p
	return func(w *answer) { r.end(under, p, w) }, nil, nil
}

// end keeps the answer of a request that did what it should. One that failed has done nothing, and may be tried again.
func (r *replies) end(under replyKey, p print, w *answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, under)
	k := &kept{print: p, expires: r.now().Add(IdempotencyTime), status: w.status, body: bytes.Clone(w.body.Bytes())}
	k.bytes = len(k.body) + len(under.name) + replyBytes
	if w.status/100 != 2 || k.bytes > IdempotencyBytesMax {
		return
	}
	r.done.Add(under, k)
	r.bytes += k.bytes
	for r.bytes > IdempotencyBytesMax {
		r.done.RemoveOldest()
	}
}

// expire forgets what is too old.
func (r *replies) expire() {
	for now := r.now(); ; {
		_, oldest, ok := r.done.GetOldest()
		if !ok || now.Before(oldest.expires) {
			return
		}
		r.done.RemoveOldest()
	}
}
