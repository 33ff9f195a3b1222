package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"starling/gateway/access"
	"starling/gateway/webhook"
	"starling/hub"
)

// Codes that a client is refused with at its connection, beside those of tokens: the code of the data of connect_error.
const (
	codeUserSocketsMax = "user_connections_max"
	codeRefused        = "refused"     // by the backend, which gave no data of its own
	codeUnavailable    = "unavailable" // the backend could not be asked
)

// refusal is the data of a connect_error, and the error of an acknowledgement.
type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

func refuse(code, message string) error {
	return &hub.ConnectError{Message: message, Data: refusal{Code: code}}
}

// refuse refuses a connection for another reason than its token.
func (g *Gateway) refuse(code, message string) error {
	g.metrics.ConnectRefused(code)
	return refuse(code, message)
}

// admit is the middleware: it finds out who a client is, and what it may do. One that comes back (hub.Options.Recovery) has to
// show a token that is still good, of the user that it was.
func (g *Gateway) admit(s *hub.Socket) error {
	h := s.Handshake()
	grant, err := g.identify(s, h)
	if err != nil {
		return err
	}
	v := newVisitor(grant, h)
	v.expiry.who = s
	switch {
	case s.Recovered():
		v.before = visitorOf(s)
		if v.before.User() != grant.User {
			return g.tokenRefused(&access.TokenError{Code: access.CodeUser, Message: "the token is not of the user whose session this is"})
		}
	case grant.User != "" && g.users.full(grant.User, g.cfg.SocketsPerUserMax):
		return g.refuse(codeUserSocketsMax, "this user has too many connections")
	}
	s.SetData(v)
	return s.Join(g.firstRooms(grant)...)
}

// firstRooms are the rooms that a client is in from the start.
func (g *Gateway) firstRooms(grant *access.Grant) []string {
	if grant.User == "" {
		return grant.Join
	}
	return append([]string{access.UserRoom(grant.User)}, grant.Join...)
}

// identify says what a client may do: what its token says, or the backend, or what anybody may.
func (g *Gateway) identify(s *hub.Socket, h hub.Handshake) (*access.Grant, error) {
	var auth json.RawMessage
	if err := s.Auth(&auth); err != nil || len(auth) > credentialBytesMax {
		return nil, g.tokenRefused(&access.TokenError{Code: access.CodeMalformed, Message: "the auth payload is too long, or no JSON"})
	}
	token, err := g.token(auth, h)
	switch {
	case err != nil:
		return nil, g.tokenRefused(&access.TokenError{Code: access.CodeMalformed, Message: "a token is text"})
	case token != "" && g.verifier != nil:
		grant, err := g.verifier.Verify(context.Background(), token)
		if err != nil {
			return nil, g.tokenRefused(err)
		}
		return grant, nil
	case g.hooks[HookConnect]:
		return g.askBackend(s, h, auth)
	case g.cfg.Dev:
		return everything, nil
	case g.cfg.Anonymous:
		return anonymous, nil
	}
	return nil, g.tokenRefused(&access.TokenError{Code: access.CodeRequired, Message: "a token is required"})
}

// What clients without a token may do, if they are let in: in development, and else.
var (
	everything = &access.Grant{Everything: true}
	anonymous  = &access.Grant{}
)

// token finds the token that a client shows: in its auth payload, in the Authorization header, in the query. One in the payload
// that is no text is shown all the same, and wrong.
func (g *Gateway) token(auth json.RawMessage, h hub.Handshake) (string, error) {
	var payload map[string]json.RawMessage
	if json.Unmarshal(auth, &payload) == nil && payload["token"] != nil && string(payload["token"]) != "null" {
		var token string
		if err := json.Unmarshal(payload["token"], &token); err != nil || token != "" {
			return token, err
		}
	}
	if token := bearer(h.Header); token != "" || g.cfg.TokenQuery == "" {
		return token, nil
	}
	return queryOf(h.URL).Get(g.cfg.TokenQuery), nil
}

// bearer is the token of an Authorization header, "" if there is none.
func bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 11.1
		return ""
	}
	return strings.TrimSpace(token)
}

// queryOf is the query of a request target.
func queryOf(target string) url.Values {
	_, query, _ := strings.Cut(target, "?")
	values, _ := url.ParseQuery(query) // what can be read of it
	return values
}

// tokenRefused makes what the client is told of a token that was refused.
func (g *Gateway) tokenRefused(err error) error {
	var bad *access.TokenError
	if !errors.As(err, &bad) {
		return err
	}
	g.metrics.TokenRefused(bad.Code)
	g.cfg.Logger.Debug("token refused", "code", bad.Code, "error", err, "cause", bad.Err)
	return refuse(bad.Code, bad.Message)
}

// headersForBackend are the headers that a backend may know its visitors by.
var headersForBackend = []string{"Authorization", "Cookie", "Origin", "User-Agent", "Accept-Language"}

// askBackend has the backend say who a client without a token is.
func (g *Gateway) askBackend(s *hub.Socket, h hub.Handshake, auth json.RawMessage) (*access.Grant, error) {
	header := http.Header{}
	for _, name := range headersForBackend {
		if values := h.Header[name]; len(values) > 0 {
			header[name] = values
		}
	}
	if string(auth) == "{}" { // as the hub has it when the client gave nothing
		auth = nil
	}
	ctx, end := whileHere(context.Background(), func() bool { return !s.Gone() })
	defer end()
	reply, err := g.backend.Connect(ctx, webhook.ConnectRequest{
		SID: s.ID(), Namespace: s.Namespace().Name(), Address: newVisitor(anonymous, h).Address(), Auth: auth, Query: queryOf(h.URL), Header: header,
	})
	if err != nil {
		return nil, g.backendRefused(err)
	}
	var expires time.Time
	if reply.TTL > 0 {
		expires = time.Now().Add(time.Duration(reply.TTL) * time.Second)
	}
	grant, err := access.NewGrant(reply.User, reply.Join, reply.Rooms, reply.Emit, reply.Data, expires)
	if err != nil {
		g.nonsense.Do(func() { g.cfg.Logger.Error("what the backend says to a connection makes no sense", "error", err) })
		return nil, g.refuse(codeUnavailable, "the server cannot decide on connections right now")
	}
	return grant, nil
}

// backendRefused makes what the client is told when the backend has not said yes.
func (g *Gateway) backendRefused(err error) error {
	var refused *webhook.RefusedError
	switch {
	case errors.Is(err, hub.ErrDisconnected): // it was not refused, it has left
		return err
	case !errors.As(err, &refused):
		return g.refuse(codeUnavailable, "the server cannot decide on connections right now")
	}
	message := refused.Message
	if message == "" {
		message = "refused"
	}
	if refused.Data != nil {
		g.metrics.ConnectRefused(codeRefused)
		return &hub.ConnectError{Message: message, Data: refused.Data}
	}
	return g.refuse(codeRefused, message)
}

// entered is what happens when a socket is connected. One that has come back waits for its predecessor to have left: a client may
// be back before its old connection is known to be broken, and the backend is to hear of one after the other.
func (g *Gateway) entered(s *hub.Socket) {
	g.comings.Lock()
	defer g.comings.Unlock()
	v := visitorOf(s)
	g.expiries.set(&v.expiry, v.Grant().Expires)
	before := v.before
	for before != nil && before.gone { // unless it had a predecessor itself that is not gone
		before = before.before
	}
	if before == nil {
		g.enter(s, v)
		return
	}
	if g.waiting == nil {
		g.waiting = map[*visitor]*hub.Socket{}
	}
	g.waiting[before] = s // who has waited for the same one before is gone
}

// enter counts a socket and tells the backend, unless it has left meanwhile. The caller holds the lock.
func (g *Gateway) enter(s *hub.Socket, v *visitor) {
	v.before = nil
	user := v.User()
	switch {
	case v.gone:
		return
	case user != "" && !g.users.enter(user, g.cfg.SocketsPerUserMax): // asked before too, for a better answer; here it is exact
		s.Disconnect(true)
		return
	}
	v.in = true
	g.notify(HookConnected, webhook.Notification{Type: webhook.TypeConnected, SID: s.ID(), User: user, Namespace: s.Namespace().Name()})
}

// left is what happens when a socket has disconnected.
func (g *Gateway) left(s *hub.Socket, reason hub.Reason) {
	g.comings.Lock()
	defer g.comings.Unlock()
	v := visitorOf(s)
	v.gone = true
	g.expiries.set(&v.expiry, time.Time{})
	if v.in {
		user := v.User()
		if user != "" {
			g.users.leave(user)
		}
		g.notify(HookDisconnected, webhook.Notification{
			Type: webhook.TypeDisconnected, SID: s.ID(), User: user, Namespace: s.Namespace().Name(), Reason: string(reason),
		})
	}
	if next := g.waiting[v]; next != nil {
		delete(g.waiting, v)
		g.enter(next, visitorOf(next))
	}
}

// expiredEvent is what a client is told before it is disconnected because its token has expired.
const expiredEvent = "expired"

// expired disconnects a socket whose token has expired, unless it was refreshed at the last moment.
func (g *Gateway) expired(s *hub.Socket) {
	if at := visitorOf(s).Grant().Expires; at.IsZero() || at.After(time.Now()) {
		return
	}
	_ = s.Emit(expiredEvent) // it may be gone
	s.Disconnect(true)
}

// changed tells the backend of rooms that have got their first member, or lost their last one.
func (g *Gateway) changed(namespace string) func(hub.RoomEvent) {
	return func(e hub.RoomEvent) {
		n := webhook.Notification{Room: e.Room, Namespace: namespace}
		switch e.Kind {
		case hub.RoomCreated:
			n.Type = webhook.TypeRoomOccupied
			g.notify(HookRoomOccupied, n)
		case hub.RoomDeleted:
			n.Type = webhook.TypeRoomVacated
			g.notify(HookRoomVacated, n)
		}
	}
}

// notify tells the backend, if it wants to hear of such things.
func (g *Gateway) notify(hook string, n webhook.Notification) {
	if g.hooks[hook] {
		g.backend.Notify(n)
	}
}
