package control

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"time"
)

// operation is one thing that the API can do.
type operation struct {
	id          string
	method      string
	path        string
	summary     string
	description string
	tag         string

	scopes   []Scope // one of them is needed; none: no key is
	unlocked bool    // not for keys that are locked to rooms
	itemised bool    // what it costs of a key's rate is counted where its items are
	emits    bool    // X-Socket-Id means something

	body     any   // a zero value of the body's type; nil: there is none
	bytesMax int   // of the body
	success  int   // status; 0 is 200, or 204 without a reply
	errors   []int // further statuses, beside those of what is set above
}

// changes tells whether the operation does something that must not be done twice by mistake.
func (o *operation) changes() bool { return o.method != http.MethodGet }

// route is what the mux has for an operation: all that is the same for each of them, and then huma's handler.
type route struct {
	api *API
	op  operation
	do  http.HandlerFunc
}

// ServeHTTP is part of http.Handler.
func (t *route) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := rw.(*answer)
	c := callOf(r.Context())
	c.operation = t.op.id
	if err := t.admit(w, r, c); err != nil {
		w.fail(err, c.id)
	}
}

// admit has the request answered, or says why not.
func (t *route) admit(w *answer, r *http.Request, c *call) (err *Error) {
	if err := t.authorize(r, c); err != nil {
		return err
	}
	if c.socketID, err = t.socketID(r); err != nil {
		return err
	}
	if t.op.body == nil {
		w.readRest()
		return t.once(w, r, c)
	}
	stream, err := t.contentType(r)
	if err != nil {
		return err
	}
	if stream {
		return t.api.stream(w, r, c)
	}
	if err := t.charge(c); err != nil {
		return err
	}
	if !t.api.hold(c, bodyBytes(r, t.op.bytesMax)) {
		return errOverloaded
	}
	if c.body, err = readBody(w, r, t.op.bytesMax); err != nil {
		return err
	}
	return t.once(w, r, c)
}

// authorize finds the request's key, and holds it against what the operation needs.
func (t *route) authorize(r *http.Request, c *call) (err *Error) {
	if len(t.op.scopes) == 0 {
		return nil
	}
	if c.key, err = t.api.cfg.Keys.authenticate(r); err != nil {
		return err
	}
	if !c.key.mayAny(t.op.scopes) {
		return errScope(t.op.scopes...)
	}
	if t.op.unlocked && c.key.locked {
		return errKeyLocked
	}
	if t.op.body == nil {
		return t.charge(c) // else when it is known that it is no stream
	}
	return nil
}

func (k *key) mayAny(any []Scope) bool {
	for _, s := range any {
		if k.may(s) {
			return true
		}
	}
	return false
}

func errScope(scopes ...Scope) *Error {
	words := string(scopes[0])
	for _, s := range scopes[1:] {
		words += " or " + string(s)
	}
	return forbidden("scope_missing", "", "this needs an API key with the scope %s", words)
}

// charge takes the request off its key's rate.
func (t *route) charge(c *call) *Error {
	if t.op.itemised || c.key == nil {
		return nil
	}
	return c.key.take(t.api.cfg.Now(), 1)
}

// socketID reads X-Socket-Id, which the client libraries of some frameworks send with each request that a page makes.
func (t *route) socketID(r *http.Request) (string, *Error) {
	id := r.Header.Get("X-Socket-Id")
	if id != "" && t.op.emits && !isSocketID(id) {
		return "", bad("socket_id_invalid", "X-Socket-Id", "this is no id of a socket")
	}
	return id, nil
}

// contentType tells what the body is: an object in JSON, or a stream of them. What curl says of its -d is JSON too.
func (t *route) contentType(r *http.Request) (stream bool, _ *Error) {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return false, nil
	}
	kind, _, err := mime.ParseMediaType(header)
	switch {
	case err != nil:
	case kind == "application/json", kind == "application/x-www-form-urlencoded":
		return false, nil
	case kind == typeNDJSON && t.op.id == opEmit:
		return true, nil
	}
	return false, failure(http.StatusUnsupportedMediaType, "content_type_unsupported", "Content-Type", "this takes application/json")
}

// bodyBytes is how much is to be kept for a body of at most max bytes.
func bodyBytes(r *http.Request, max int) int {
	if r.ContentLength < 0 {
		return max
	}
	return int(min(r.ContentLength, int64(max)))
}

// hold keeps bytes for a request until it is over, or tells that there are too many.
func (a *API) hold(c *call, bytes int) bool {
	if !a.bodies.take(bytes) {
		return false
	}
	c.atEnd(func() { a.bodies.give(bytes) })
	return true
}

// readBody reads a body of at most max bytes.
func readBody(w *answer, r *http.Request, max int) ([]byte, *Error) {
	if r.ContentLength > int64(max) {
		return nil, errBodyBytes(max)
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeMax)) // not all tests have a connection
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := body.ReadFrom(io.LimitReader(r.Body, int64(max)+1))
	var timeout net.Error
	switch {
	case body.Len() > max:
		return nil, errBodyBytes(max)
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, errBodyTime
	case err != nil:
		return nil, errBodyCut
	}
	w.wasRead()
	return body.Bytes(), nil
}

// once has the operation done, unless it was done before for the same Idempotency-Key.
func (t *route) once(w *answer, r *http.Request, c *call) *Error {
	name := r.Header.Get("Idempotency-Key")
	if name == "" || !t.op.changes() || c.key == nil {
		t.do(w, r)
		return nil
	}
	if !isWord(name) {
		return bad("idempotency_key_invalid", "Idempotency-Key", "this has 1 to %d printable ASCII characters", HeaderBytesMax)
	}
	c.keyed = true
	under := replyKey{key: c.key.sum, operation: t.op.id, name: name}
	done, kept, err := t.api.replies.begin(under, fingerprint(r, c))
	switch {
	case err != nil:
		return err
	case kept != nil:
		kept.send(w)
		return nil
	}
	defer func() { done(w) }() // also for one that panics: then it may be tried again
	t.do(w, r)
	return nil
}
