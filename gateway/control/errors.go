package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"starling/hub"
)

// Errors of New, of the keys, and of their file.
var (
	// ErrServer: Config has no Server.
	ErrServer = errors.New("control: no server")
	// ErrNoKeys: Config has no Keys, or there is none among them; an API without keys would be everybody's.
	ErrNoKeys = errors.New("control: no API key")
	// ErrEventBytesMax: Config.EventBytesMax is negative or beyond EventBytesMaxMax.
	ErrEventBytesMax = errors.New("control: EventBytesMax is from 1 to 64 MiB")
	// ErrNamespaces: Config.Namespaces has a name twice, or one that does not begin with a slash.
	ErrNamespaces = errors.New("control: the namespaces are different names that begin with a slash")
	// ErrKeysMax: there are more than KeysMax keys.
	ErrKeysMax = errors.New("control: at most 1000 API keys")
	// ErrKeyBytes: a key is too short, too long, or holds something other than printable ASCII without spaces.
	ErrKeyBytes = errors.New("an API key has 16 to 512 printable ASCII characters and no spaces")
	// ErrKeySum: key_sha256 is not the sum of a key.
	ErrKeySum = errors.New("key_sha256 has 64 hexadecimal digits")
	// ErrKeyOne: an entry has no key, or two.
	ErrKeyOne = errors.New("a key has either key or key_sha256")
	// ErrKeyTwice: two entries have the same key, or the same name.
	ErrKeyTwice = errors.New("the names of the keys are different, and so are the keys")
	// ErrKeyName: an entry has no name, or a bad one.
	ErrKeyName = errors.New("the name of a key has 1 to 64 printable characters")
	// ErrScopes: an entry has no scopes, or one that there is not.
	ErrScopes = errors.New("scopes has one or more of publish, read, manage")
	// ErrKeyRooms: an entry is locked to no room at all, which nobody can mean.
	ErrKeyRooms = errors.New("rooms has 1 to 100 patterns, and is left out for a key that may reach all rooms")
	// ErrKeyRate: the rate of an entry is not above 0.
	ErrKeyRate = errors.New("rate is a number of events a second above 0")
	// ErrKeyStreams: the streams of an entry are none, or more than there may be.
	ErrKeyStreams = errors.New("streams is how many streams a key may have open, 1 to 1000")
	// ErrKeysDocument: there is a second YAML document in the file, behind "---".
	ErrKeysDocument = errors.New("a file of API keys has one YAML document, and nothing behind a second ---")
	// ErrKeysText: a field that is a text has what is a number, or true or false, to YAML, and would become another text.
	ErrKeysText = errors.New("this is text: put it in quotes")
	// ErrKeysFile: the file cannot be read, is too long, or is not the YAML that it should be.
	ErrKeysFile = errors.New("file of API keys")
)

// Error is how a request, an item of a batch, or a line of a stream fails. Its text is for whoever wrote the request.
type Error struct {
	Status     int           // of HTTP
	Code       string        // for programs, and as stable as the paths
	Message    string        // a sentence for people
	Field      string        // of the body, the query, or the header that is wrong; "" is none of them
	RetryAfter time.Duration // when it may be tried again; 0 says nothing
}

func (e *Error) Error() string { return e.Message }

// failure makes the errors that are made more than once.
func failure(status int, code, field, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

func bad(code, field, format string, args ...any) *Error {
	return failure(http.StatusBadRequest, code, field, format, args...)
}

func forbidden(code, field, format string, args ...any) *Error {
	return failure(http.StatusForbidden, code, field, format, args...)
}

// The errors that need no words of the request's.
var (
	errKeyMissing     = &Error{Status: http.StatusUnauthorized, Code: "key_missing", Message: "an API key is needed: Authorization: Bearer <key>", Field: "Authorization"}
	errKeyInvalid     = &Error{Status: http.StatusUnauthorized, Code: "key_invalid", Message: "there is no such API key", Field: "Authorization"}
	errKeyLocked      = &Error{Status: http.StatusForbidden, Code: "key_locked", Message: "this API key is locked to some rooms, and this reaches beyond them"}
	errTargetMissing  = &Error{Status: http.StatusBadRequest, Code: "target_missing", Message: "nobody is named: everyone is reached by POST /v1/broadcast or by \"to\": \"*\", and never by leaving it out"}
	errSocketUnknown  = &Error{Status: http.StatusNotFound, Code: "socket_unknown", Message: "there is no such socket", Field: "sid"}
	errPathUnknown    = &Error{Status: http.StatusNotFound, Code: "path_unknown", Message: "there is nothing at this path; GET /openapi.json lists what there is"}
	errMethod         = &Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "this path has no such method; the header Allow lists those that it has"}
	errBodyTime       = &Error{Status: http.StatusRequestTimeout, Code: "body_timeout", Message: "the body did not arrive in time"}
	errBodyCut        = &Error{Status: http.StatusBadRequest, Code: "body_invalid", Message: "the body ended early"}
	errInternal       = &Error{Status: http.StatusInternalServerError, Code: "internal", Message: "something went wrong here; the log has it under the request_id"}
	errOverloaded     = &Error{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "the server has too much to do", RetryAfter: overloadTime}
	errShutdown       = &Error{Status: http.StatusServiceUnavailable, Code: "shutting_down", Message: "the server is shutting down", RetryAfter: overloadTime}
	errAcksMax        = &Error{Status: http.StatusTooManyRequests, Code: "acks_max", Message: "this API key waits for as many acknowledgements as it may", Field: "ack", RetryAfter: overloadTime}
	errIdempotentOpen = &Error{Status: http.StatusConflict, Code: "idempotency_in_progress", Message: "the first request with this Idempotency-Key is still under way", Field: "Idempotency-Key", RetryAfter: overloadTime}
	errIdempotentBody = &Error{Status: http.StatusConflict, Code: "idempotency_key_reused", Message: "this Idempotency-Key was used for another request", Field: "Idempotency-Key"}
)

func errBodyBytes(max int) *Error {
	return failure(http.StatusRequestEntityTooLarge, "body_too_large", "", "at most %d bytes", max)
}

func errStreamsMax(most int) *Error {
	return &Error{
		Status: http.StatusTooManyRequests, Code: "streams_max", RetryAfter: overloadTime,
		Message: fmt.Sprintf("this API key has as many streams open as it may, %d", most),
	}
}

func errRate(retry time.Duration) *Error {
	return &Error{
		Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: retry,
		Message: "this API key has used up its rate",
	}
}

// asError makes of any error the one that is replied. Those that nobody has thought of are the server's fault.
func (a *API) asError(ctx context.Context, err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, hub.ErrOverloaded):
		return errOverloaded
	case errors.Is(err, hub.ErrShutdown):
		return errShutdown
	case errors.Is(err, hub.ErrDisconnected):
		return errSocketUnknown
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errOverloaded // the loops did not answer in time, or nobody waits for the answer
	}
	a.cfg.Logger.Error("a request to the control API has failed", "error", err, slog.String("request_id", requestID(ctx)))
	return errInternal
}
