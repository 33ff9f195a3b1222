package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Errors of New.
var (
	// ErrURL: Config.URL is not an http or https URL with a host. The text never contains the URL, which may hold a password.
	ErrURL = errors.New("webhook: the URL has to be http:// or https:// with a host")
	// ErrSecret: a secret is shorter than SecretBytesMin.
	ErrSecret = errors.New("webhook: a secret has to have 32 bytes or more")
	// ErrBound: a bound or a time of Config cannot work; the text names it.
	ErrBound = errors.New("webhook: bound out of range")
)

// Errors of calls, beside StatusError and RefusedError. A call that ends since the caller's context is done returns its cause.
var (
	// ErrBusy: InFlightMax calls are waiting already, or as many events as may; nothing was sent.
	ErrBusy = errors.New("webhook: too many calls are waiting for the backend")
	// ErrUnavailable: the backend did not answer the last calls of this kind, and is left alone with them for now; nothing
	// was sent.
	ErrUnavailable = errors.New("webhook: the backend does not answer")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("webhook: closed")
	// ErrTimeout: the reply was not there within Config.Timeout. The backend may have acted.
	ErrTimeout = errors.New("webhook: the backend did not reply in time")
	// ErrConnection: there was no connection, or it broke before the reply was there. The backend may have acted.
	ErrConnection = errors.New("webhook: no connection to the backend")
	// ErrReply: the reply is not the JSON that this call asks for. The backend has acted.
	ErrReply = errors.New("webhook: unexpected reply")
	// ErrReplyBytes: the reply has more than ReplyBytesMax bytes. The backend has acted.
	ErrReplyBytes = errors.New("webhook: reply of more than 1 MiB")
	// ErrRequest: what the caller gave is no JSON; nothing was sent.
	ErrRequest = errors.New("webhook: the request cannot be encoded")
)

// Errors of Verify.
var (
	// ErrSignatureHeader: the header is missing, or is not t=<unix seconds>,v1=<hex>,… with at most SignaturesMax signatures.
	ErrSignatureHeader = errors.New("webhook: malformed signature header")
	// ErrSignatureTime: it was signed too long ago, or in the future.
	ErrSignatureTime = errors.New("webhook: signed at another time")
	// ErrSignature: no signature was made with any of the secrets.
	ErrSignature = errors.New("webhook: wrong signature")
)

// RefusedError is the backend's no: a reply of 401 or 403, or to a join one that does not allow it.
type RefusedError struct {
	Message string          // for the client; "" if the backend gave none
	Data    json.RawMessage // for the client; nil if the backend gave none
}

func (e *RefusedError) Error() string {
	if e.Message == "" {
		return "webhook: refused by the backend"
	}
	return "webhook: refused by the backend: " + e.Message
}

// StatusError is a reply with a status that is neither a yes nor a no. The backend may have acted.
type StatusError struct{ Status int }

func (e *StatusError) Error() string { return fmt.Sprintf("webhook: the backend replied %d", e.Status) }
