package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// answer is the http.ResponseWriter of a request. It holds a reply back until it is complete: it may be kept for an
// Idempotency-Key, and until then it may still become an error.
type answer struct {
	to       http.ResponseWriter
	through  bool      // nothing is held back: streams, and handlers of others
	begun    bool      // the status is on its way
	rest     io.Reader // the body of the request, until it is read
	expected bool      // the client has not sent the body, and waits to be told to: it is not, by reading
	status   int
	body     bytes.Buffer
}

// Header is part of http.ResponseWriter.
func (w *answer) Header() http.Header { return w.to.Header() }

// WriteHeader is part of http.ResponseWriter.
func (w *answer) WriteHeader(status int) {
	if status >= 100 && status < 200 {
		w.to.WriteHeader(status)
		return
	}
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest // huma has one status more than this API
	}
	w.status = status
	if w.through {
		w.begun = true
		w.to.WriteHeader(status)
	}
}

// Write is part of http.ResponseWriter.
func (w *answer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.through {
		w.hurry()
		return w.to.Write(b)
	}
	return w.body.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *answer) Unwrap() http.ResponseWriter { return w.to }

// Flush is part of http.Flusher, which handlers of others may look for.
func (w *answer) Flush() {
	if w.through {
		_ = http.NewResponseController(w.to).Flush()
	}
}

// fail makes the reply an error.
func (w *answer) fail(e *Error, requestID string) {
	w.body.Reset()
	w.status = e.Status
	e.tell(w.Header())
	w.body.Write(appendJSON(nil, e.reply(requestID)))
}

// appendJSON appends a value that is made of strings and numbers, as people can read it, and the end of a line.
func appendJSON(dst []byte, v any) []byte {
	b := bytes.NewBuffer(dst)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // nothing in it can fail
	return b.Bytes()
}

// tell puts what an error has to say into headers.
func (e *Error) tell(h http.Header) {
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
}

// finish sends the reply, to a client that has some time to take it.
func (w *answer) finish() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.hurry() // net/http sends the end of it when this request is over
	if w.begun || w.through {
		return
	}
	w.begun = true
	w.readRest()
	h := w.to.Header()
	if w.status != http.StatusNoContent {
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(w.body.Len()))
	}
	w.to.WriteHeader(w.status)
	_, _ = w.to.Write(w.body.Bytes())
}

// hurry gives the client some time to take what is written next. The next request on the connection does so anew.
func (w *answer) hurry() {
	_ = http.NewResponseController(w.to).SetWriteDeadline(time.Now().Add(bodyTimeMax)) // not all tests have a connection
}

// readRest reads what is left of the request's body, if it is there soon: net/http would wait for it without an end, before it
// sends a reply and behind it. Where it is not there nobody knows where the next request begins, and the connection ends.
func (w *answer) readRest() {
	if w.rest == nil {
		return
	}
	control := http.NewResponseController(w.to)
	_ = control.SetReadDeadline(time.Now().Add(restTimeMax)) // not all tests have a connection
	if w.status != http.StatusRequestTimeout && !w.expected {
		if _, err := io.CopyN(io.Discard, w.rest, restBytesMax); errors.Is(err, io.EOF) {
			w.wasRead()
			return
		}
	}
	w.rest = nil
	w.to.Header().Set("Connection", "close")
}

// wasRead notes that the body was read to its end. The deadline must not be left: net/http reads on, to see whether the client
// goes away, and would take it for that.
func (w *answer) wasRead() {
	w.rest = nil
	_ = http.NewResponseController(w.to).SetReadDeadline(time.Time{})
}

// errorReply is the one shape of errors.
type errorReply struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Code      string `json:"code" doc:"For programs; it does not change." example:"room_name_invalid"`
	Message   string `json:"message" doc:"For people." example:"the name of a room has 1 to 255 bytes"`
	Field     string `json:"field,omitempty" doc:"What of the request is wrong." example:"to[0]"`
	RequestID string `json:"request_id,omitempty" doc:"X-Request-Id of the request." example:"01J9ZK3V5T8Y2W6Q4R7N0M1P3S"`
}

// reply is the error as it is sent.
func (e *Error) reply(requestID string) errorReply {
	return errorReply{e.body(requestID)}
}

func (e *Error) body(requestID string) errorBody {
	return errorBody{Code: e.Code, Message: e.Message, Field: e.Field, RequestID: requestID}
}

// seconds is a time in the form in which replies have times.
func seconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e6 }
