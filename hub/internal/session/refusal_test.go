package session

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"starling/wsproto"
)

// refused notes a refusal.
func (k *talk) refused(r Refusal) {
	request := "no request"
	if r.Request != nil {
		request = r.Request.Method + " " + r.Request.RequestURI
		if r.Request.RemoteAddr != r.RemoteAddr || r.Request.Body != http.NoBody {
			k.t.Errorf("the request of %s is said to be of %s, with a body of %v", r.RemoteAddr, r.Request.RemoteAddr, r.Request.Body)
		}
	}
	if len(request) > pictureBytesMax {
		request = request[:20] + "…"
	}
	k.note("refused: %d, code %d%s, %s: %s from %s", r.Status, r.Code, strings.TrimRight(" "+r.Context, " "), r.Message, request, cmp.Or(r.RemoteAddr, "nobody"))
	if k.panics {
		panic("refused")
	}
}

// refusals notes how many were counted, by cause.
func (k *talk) refusals(string) {
	for c := range Cause(CausesCount) {
		n := uint64(0)
		for _, t := range k.tables {
			n += t.Stats().Refused[c]
		}
		if n > 0 {
			k.note("%s: %d", c, n)
		}
	}
}

// TestRefusalOf holds what is told of each fault, and that it is what the client gets, by either way of refusing.
func TestRefusalOf(t *testing.T) {
	for _, row := range []struct {
		fault  *fault
		want   Refusal
		body   string // of an answer to a client that polls
		status string
	}{
		{faultTransport, Refusal{Cause: UnknownTransport, Code: 0, Status: 400, Message: "Transport unknown"}, `{"code":0,"message":"Transport unknown"}`, "400 Bad Request"},
		{faultSession, Refusal{Cause: UnknownSession, Code: 1, Status: 400, Message: "Session ID unknown"}, `{"code":1,"message":"Session ID unknown"}`, "400 Bad Request"},
		{faultMethod, Refusal{Cause: BadHandshakeMethod, Code: 2, Status: 400, Message: "Bad handshake method"}, `{"code":2,"message":"Bad handshake method"}`, "400 Bad Request"},
		{faultRequest, Refusal{Cause: BadRequest, Code: 3, Status: 400, Message: "Bad request"}, `{"code":3,"message":"Bad request"}`, "400 Bad Request"},
		{faultBytes, Refusal{Cause: BadOrigin, Code: 3, Status: 400, Message: "Bad request", Context: "INVALID_ORIGIN"}, `{"code":3,"message":"Bad request"}`, "400 Bad Request"},
		{faultMismatch, Refusal{Cause: OtherTransport, Code: 3, Status: 400, Message: "Bad request", Context: "TRANSPORT_MISMATCH"}, `{"code":3,"message":"Bad request"}`, "400 Bad Request"},
		{faultNoUpgrade, Refusal{Cause: NoUpgrade, Code: 3, Status: 400, Message: "Bad request", Context: "TRANSPORT_HANDSHAKE_ERROR"}, `{"code":3,"message":"Bad request"}`, "400 Bad Request"},
		{faultOrigin, Refusal{Cause: ForbiddenOrigin, Code: 4, Status: 403, Message: "Forbidden"}, `{"code":4,"message":"Forbidden"}`, "403 Forbidden"},
		{notAllowed(fmt.Errorf("no %q here", "you")), Refusal{Cause: NotAllowed, Code: 4, Status: 403, Message: `no "you" here`}, `{"code":4,"message":"no \"you\" here"}`, "403 Forbidden"},
		{notAllowed(fmt.Errorf("")), Refusal{Cause: NotAllowed, Code: 4, Status: 403, Message: "Forbidden"}, `{"code":4,"message":"Forbidden"}`, "403 Forbidden"},
		{faultVersion, Refusal{Cause: UnsupportedVersion, Code: 5, Status: 400, Message: "Unsupported protocol version"}, `{"code":5,"message":"Unsupported protocol version"}`, "400 Bad Request"},
		{faultVerb, Refusal{Cause: BadMethod, Code: -1, Status: 405, Message: "method is neither GET nor POST"}, "", "405 Method Not Allowed"},
		{busyFaults[Draining], Refusal{Cause: Draining, Code: -1, Status: 503, Message: "server is shutting down"}, "", "503 Service Unavailable"},
		{busyFaults[Refusing], Refusal{Cause: Refusing, Code: -1, Status: 503, Message: "server takes no new sessions"}, "", "503 Service Unavailable"},
		{busyFaults[Overloaded], Refusal{Cause: Overloaded, Code: -1, Status: 503, Message: "server is busy"}, "", "503 Service Unavailable"},
		{busyFaults[TooFast], Refusal{Cause: TooFast, Code: -1, Status: 503, Message: "too many sessions begin at once"}, "", "503 Service Unavailable"},
		{busyFaults[TooManyPolling], Refusal{Cause: TooManyPolling, Code: -1, Status: 503, Message: "too many sessions"}, "", "503 Service Unavailable"},
		{busyFaults[TooManyOfAddress], Refusal{Cause: TooManyOfAddress, Code: -1, Status: 503, Message: "too many sessions from this address"}, "", "503 Service Unavailable"},
		{faultMoving, Refusal{Cause: BehindAnother, Code: -1, Status: 503, Message: "answer to the request before is still on its way"}, "", "503 Service Unavailable"},
		{faultTimeout, Refusal{Cause: TooSlow, Code: -1, Status: 408, Message: "request took too long"}, "", "408 Request Timeout"},
		{faultTooLarge, Refusal{Cause: TooLarge, Code: -1, Status: 413, Message: "body is too large"}, "", "413 Content Too Large"},
		{faultBinary, Refusal{Cause: NotText, Code: -1, Status: 400, Message: "body is not text"}, "", "400 Bad Request"},
		{faultFlood, Refusal{Cause: Flooding, Code: -1, Status: 400, Message: "too many packets"}, "", "400 Bad Request"},
		{faultTwice, Refusal{Cause: TwoAtOnce, Code: -1, Status: 400, Message: "two requests of a session at once"}, "", "400 Bad Request"},
	} {
		if causeOf(row.fault) != row.want.Cause {
			t.Errorf("%s: counted as %s, want %s", row.want.Message, causeOf(row.fault), row.want.Cause)
		}
		if got := refusalOf(row.fault); got != row.want {
			t.Errorf("told is %+v, want %+v", got, row.want)
		}
		if got := string(row.fault.body()); got != row.body || !strings.HasPrefix(row.fault.head, row.status+"\r\n") {
			t.Errorf("%s: answered is %q with %q, want %q with %q", row.want.Message, row.fault.head, got, row.status, row.body)
		}
		upgrade := string(wsproto.AppendRefusal(nil, row.fault))
		if !strings.HasPrefix(upgrade, fmt.Sprintf("HTTP/1.1 %d ", row.want.Status)) || !strings.HasSuffix(upgrade, "\r\n\r\n"+row.want.Message) {
			t.Errorf("an upgrade is answered with %q", upgrade)
		}
		if want := "session: request refused: " + row.want.Message; row.fault.Error() != want {
			t.Errorf("the error is %q, want %q", row.fault, want)
		}
	}
	if got, want := refusalOf(wsproto.ErrKey), (Refusal{Cause: Malformed, Code: -1, Status: 400, Message: "http: Sec-WebSocket-Key is not 16 bytes in base64"}); got != want {
		t.Errorf("told is %+v, want %+v", got, want)
	}
}

// TestNobodyIsTold: what is refused is kept for nobody when nobody is to be told, and no longer than that may be of use.
func TestNobodyIsTold(t *testing.T) {
	for _, row := range []struct {
		settings string
		kept     bool
	}{{"", false}, {"told", false}, {"headers=", true}} {
		k := newTalk(t)
		k.restart(row.settings)
		k.begin("0")
		k.command("poll AAECAwQFBgcICQoLDA0A")
		waiting := k.last.poll.get
		if waiting == nil || (waiting.request != nil) != row.kept {
			t.Errorf("with %q the exchange that waits is %+v, want a request: %v", row.settings, waiting, row.kept)
		}
	}
}

// TestARequestWhoseConnectionIsBusy: an upgrade request right behind one whose answer is not written yet cannot go to the
// session's loop, and is told of as what it is.
func TestARequestWhoseConnectionIsBusy(t *testing.T) {
	k := newTalk(t)
	k.restart("told loops=2")
	k.begin("0")
	k.open("1")
	k.end.peer.Stalled = true
	k.command("post AAECAwQFBgcICQoLDA0A \"3\"")
	k.command("upgrade /socket.io/?EIO=4&transport=websocket&sid=AAECAwQFBgcICQoLDA0A")
	const want = "refused: 503, code -1, answer to the request before is still on its way: GET /socket.io/?EIO=4&transport=websocket&sid=AAECAwQFBgcICQoLDA0A from 192.0.2.1:1"
	if len(k.lines) != 1 || k.lines[0] != want {
		t.Fatalf("%q, want %q", k.lines, want)
	}
}

// TestTheContextsAreTheReferences spells the words that applications compare with.
func TestTheContextsAreTheReferences(t *testing.T) {
	if InvalidOrigin != "INVALID_ORIGIN" || TransportMismatch != "TRANSPORT_MISMATCH" || TransportHandshakeError != "TRANSPORT_HANDSHAKE_ERROR" {
		t.Error("the reference server has other words")
	}
}
