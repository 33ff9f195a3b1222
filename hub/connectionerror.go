package hub

import (
	"net/http"

	"starling/hub/internal/session"
)

// ConnectionError is a request that Engine.IO has refused, before there was a socket.
type ConnectionError struct {
	Cause      Cause         // the word under which Stats counts it
	Code       int           // that of Engine.IO, 0 to 5; -1 where it has none
	Status     int           // of the answer
	Message    string        // what was wrong
	Context    string        // the reference server's word for a cause that Code does not tell, "INVALID_ORIGIN" for instance, or ""
	Request    *http.Request // without a body; nil if it could not be read; borrowed until the function returns
	RemoteAddr string        // of the connection
}

// refused is what the session layer tells of refusals; nil if nobody wants to know.
func (o *Options) refused() func(session.Refusal) {
	tell := o.OnConnectionError
	if tell == nil {
		return nil
	}
	return func(r session.Refusal) {
		tell(ConnectionError{causeOf(r.Cause), r.Code, r.Status, r.Message, r.Context, r.Request, r.RemoteAddr})
	}
}
