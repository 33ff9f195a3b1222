package hub

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"starling/hub/internal/edge"
)

// TestProxiedAddress: the address in a PROXY header is the client's wherever it is asked for: by the handler beside the
// server, by AllowRequest, by the application, and behind every way back.
func TestProxiedAddress(t *testing.T) {
	const header, client = "PROXY TCP4 203.0.113.7 192.0.2.9 4321 80\r\n", "203.0.113.7:4321"
	asked := newNotes()
	var sockets <-chan *Socket
	s := start(t, Options{
		Loops: 4, Handler: newSite(), ProxyProtocol: true, TrustedProxies: []string{"loopback"},
		AllowRequest: func(r *http.Request) error { asked.add("%s", r.RemoteAddr); return nil },
	}, func(s *Server) { sockets = firstSocket(s.Namespace) })

	w := openWire(t, s)
	w.send(header + getRequest("/health"))
	w.expect("GET", http.StatusOK, "fine, "+client)
	target := pollTarget + "&sid=" + w.handshake()
	w.send(postRequest(target, "40"))
	w.expect("POST", http.StatusOK, "ok")
	w.send(getRequest("/health"))
	w.expect("GET", http.StatusOK, "fine, "+client)
	if got := receive(t, sockets).Handshake().Address; got != client {
		t.Errorf("the client that polls is %q, want %q", got, client)
	}
	w.send(getRequest("/health") + upgradeRequest("/socket.io/?EIO=4&transport=websocket"))
	w.expect("GET", http.StatusOK, "fine, "+client)
	if a := w.answer("GET"); a.status != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade is answered with %v", a)
	}
	c := w.socket(t)
	c.expect(openPacket)
	c.connect("40")
	if got := receive(t, sockets).Handshake().Address; got != client {
		t.Errorf("the client with the WebSocket is %q, want %q", got, client)
	}
	asked.expect(t, client, client)
	asked.none(t)
}

// TestStrangersBehindAProxy are cut off without a word: who is no proxy, and who does not say for whom it is.
func TestStrangersBehindAProxy(t *testing.T) {
	for _, row := range []struct {
		name string
		opts Options
		sent string
	}{
		{"no proxy", Options{ProxyProtocol: true, TrustedProxies: []string{"10.0.0.0/8"}}, "PROXY TCP4 203.0.113.7 192.0.2.9 4321 80\r\n"},
		{"no header", Options{ProxyProtocol: true, TrustedProxies: []string{"loopback"}}, getRequest(pollTarget)},
	} {
		s := start(t, row.opts, nil)
		w := openWire(t, s)
		w.send(row.sent)
		if got, err := w.in.ReadByte(); err == nil {
			t.Errorf("%s: got %q", row.name, got)
		}
		eventually(t, "its place is free", func() bool { return s.Connections() == 0 })
	}
}

// TestForwardedAddress: X-Forwarded-For is believed of proxies that are trusted, and of no others.
func TestForwardedAddress(t *testing.T) {
	for _, row := range []struct {
		name    string
		trusted []string
		headers []string
		want    string // empty: the connection's own address
	}{
		{"trusted", []string{"loopback"}, []string{"X-Forwarded-For: 198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{"two proxies", []string{"loopback", "203.0.113.0/24"}, []string{"X-Forwarded-For: 198.51.100.1, 203.0.113.7"}, "198.51.100.1"},
		{"two lines", []string{"loopback"}, []string{"X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 2001:db8::7"}, "2001:db8::7"},
		{"no header", []string{"loopback"}, nil, ""},
		{"no address", []string{"loopback"}, []string{"X-Forwarded-For: unknown"}, ""},
		{"not trusted", []string{"10.0.0.0/8"}, []string{"X-Forwarded-For: 203.0.113.7"}, ""},
		{"nobody is", nil, []string{"X-Forwarded-For: 203.0.113.7"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var sockets <-chan *Socket
			s := start(t, Options{TrustedProxies: row.trusted}, func(s *Server) { sockets = firstSocket(s.Namespace) })
			w := openWire(t, s)
			target := pollTarget + "&sid=" + w.handshake(row.headers...)
			w.send(postRequest(target, "40", "X-Forwarded-For: 192.0.2.66")) // the session began with another request
			w.expect("POST", http.StatusOK, "ok")
			want := row.want
			if want == "" {
				want = w.conn.LocalAddr().String()
			}
			if got := receive(t, sockets).Handshake().Address; got != want {
				t.Errorf("the client is %q, want %q", got, want)
			}
		})
	}
}

// TestHandshakeOfASessionThatPolls is that of its first request, also when a WebSocket has taken over.
func TestHandshakeOfASessionThatPolls(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) { sockets = firstSocket(s.Namespace) })
	w := openWire(t, s)
	w.send(getRequest(pollTarget+"&room=7", "X-Token: secret"))
	id := peekID(t, w)
	w.answer("GET")
	up := openWire(t, s)
	if a := up.ask(upgradeRequest("/socket.io/?EIO=4&transport=websocket&room=8&sid="+id, "X-Token: other")); a.status != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade is answered with %v", a)
	}
	c := up.socket(t)
	c.send("2probe")
	c.expect("3probe")
	c.send("5")
	c.connect("40")
	h := receive(t, sockets).Handshake()
	if h.URL != pollTarget+"&room=7" || len(h.Header["X-Token"]) != 1 || h.Header["X-Token"][0] != "secret" || h.Address != w.conn.LocalAddr().String() || time.Since(h.Time) > patience {
		t.Errorf("the handshake is %+v", h)
	}
}

// TestAllowRequest is shown the request as it came, for each session once, by either transport.
func TestAllowRequest(t *testing.T) {
	asked := newNotes()
	s := start(t, Options{AllowRequest: func(r *http.Request) error {
		asked.add("%s %s %s %s %q from %s", r.Method, r.URL.Path, r.URL.Query().Get("token"), r.Host, r.Header.Get("Cookie"), r.RemoteAddr)
		if r.URL.Query().Get("token") != "right" {
			return fmt.Errorf("token %q is not right", r.URL.Query().Get("token"))
		}
		return nil
	}}, func(s *Server) { s.OnConnect(func(*Socket) {}) })
	for _, row := range []struct {
		name, request, token string
		status               int
		body                 string
	}{
		{"polling", getRequest(pollTarget+"&token=wrong", "Cookie: a=b"), "wrong", 403, `{"code":4,"message":"token \"wrong\" is not right"}`},
		{"polling, allowed", getRequest(pollTarget+"&token=right", "Cookie: a=b"), "right", 200, ""},
		{"websocket", upgradeRequest("/socket.io/?EIO=4&transport=websocket&token=wrong", "Cookie: a=b"), "wrong", 403, `token "wrong" is not right`},
		{"websocket, allowed", upgradeRequest("/socket.io/?EIO=4&transport=websocket&token=right", "Cookie: a=b"), "right", 101, ""},
	} {
		w := openWire(t, s)
		if a := w.ask(row.request); a.status != row.status || row.body != "" && a.body != row.body {
			t.Errorf("%s: %v", row.name, a)
		}
		asked.expect(t, fmt.Sprintf(`GET /socket.io/ %s x "a=b" from %s`, row.token, w.conn.LocalAddr()))
	}
	asked.none(t)
}

// TestConnectRateMax: beyond the rate new sessions are told to come later, by either transport; who is in notices nothing.
func TestConnectRateMax(t *testing.T) {
	const rate = 3
	s := start(t, Options{Loops: 1, ConnectRateMax: rate}, echoes)
	w, sid := joinPolling(t, s)
	target := pollTarget + "&sid=" + sid
	refused := 0
	for i := 0; refused < 4; i++ { // the bucket fills while we ask, but not that fast
		request := getRequest(pollTarget)
		if i%2 == 0 {
			request = upgradeRequest("/socket.io/?EIO=4&transport=websocket")
		}
		if a := openWire(t, s).ask(request); a.status == http.StatusServiceUnavailable {
			refused++
			if a.header.Get("Retry-After") != "2" {
				t.Fatalf("a refusal without Retry-After: %v", a)
			}
		}
		if i > 1000 {
			t.Fatal("a thousand sessions began")
		}
	}
	w.send(postRequest(target, `421["echo","a"]`))
	w.expect("POST", http.StatusOK, "ok")
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, `431["a"]`)
	patient := openWire(t, s)
	eventually(t, "somebody is let in again", func() bool { return patient.ask(getRequest(pollTarget)).status == http.StatusOK })
}

// TestOptionsOfTheFront wants an error for each option of the front that cannot work, which names it.
func TestOptionsOfTheFront(t *testing.T) {
	for _, row := range []struct {
		name string
		opts Options
		want string
		is   error
	}{
		{"Transports", Options{Transports: []string{"websocket", "pigeon"}}, `hub: Transports has "pigeon"`, nil},
		{"UpgradeTimeout", Options{UpgradeTimeout: 25 * time.Hour}, "hub: UpgradeTimeout 25h0m0s is not within", nil},
		{"ConnectRateMax", Options{ConnectRateMax: -1}, "hub: ConnectRateMax -1 is negative", nil},
		{"SessionsPerAddressMax", Options{SessionsPerAddressMax: -1}, "hub: SessionsPerAddressMax -1 is negative", nil},
		{"Credentials", Options{Credentials: true}, "hub: Credentials need Origins", nil},
		{"ProxyProtocol", Options{ProxyProtocol: true}, "hub: ProxyProtocol needs TrustedProxies", nil},
		{"Origins, a path", Options{Origins: []string{"https://good.example/app"}}, "hub: Origins: ", edge.ErrOrigin},
		{"Origins, no scheme", Options{Origins: []string{"good.example"}}, "hub: Origins: ", edge.ErrOrigin},
		{"Origins, a wildcard within", Options{Origins: []string{"https://a*.example"}}, "hub: Origins: ", edge.ErrOriginWildcard},
		{"Origins, all and another", Options{Origins: []string{"*", "https://good.example"}}, "hub: Origins: ", edge.ErrOriginStar},
		{"Origins, all with credentials", Options{Origins: []string{"*"}, Credentials: true}, "hub: Origins: ", edge.ErrOriginCredentials},
		{"TrustedProxies", Options{TrustedProxies: []string{"10.0.0.0/33"}}, "hub: TrustedProxies: ", edge.ErrProxyRange},
		{"Cookie, a value", Options{Cookie: &http.Cookie{Name: "io", Value: "x"}}, "hub: Cookie: ", edge.ErrCookieValue},
		{"Cookie, a line end in its path", Options{Cookie: &http.Cookie{Name: "io", Path: "/\r\nX: y"}}, "hub: Cookie: ", nil},
		{"Cookie, no name", Options{Cookie: &http.Cookie{}}, "hub: Cookie: ", nil},
		{"Cookie, SameSite=None", Options{Cookie: &http.Cookie{Name: "io", SameSite: http.SameSiteNoneMode}}, "hub: Cookie: ", edge.ErrCookieSecure},
		{"ClientFiles", Options{ClientFiles: fstest.MapFS{}}, "hub: ClientFiles: ", edge.ErrBundleEmpty},
		{"several", Options{Origins: []string{"x"}, TrustedProxies: []string{"x"}}, "hub: TrustedProxies: ", edge.ErrOrigin},
	} {
		err := New(row.opts).Listen("127.0.0.1:0")
		var options *OptionsError
		if !errors.As(err, &options) || !strings.Contains(err.Error(), row.want) || row.is != nil && !errors.Is(err, row.is) {
			t.Errorf("%s: %v, want %s… and %v", row.name, err, row.want, row.is)
		}
	}
}
