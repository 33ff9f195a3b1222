package advisories_test

import (
	"io"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

const (
	apiKey = "a-key-for-the-advisories"
	secret = "a secret of the advisories, 32+ bytes"
)

// newGateway is a server for applications that lets in nobody without a token.
func newGateway(t *testing.T) (s *stage, api string) {
	t.Helper()
	cmd := starlingtest.Gateway(t)
	cmd.Env = starlingtest.Environ("STARLING_API_KEYS="+apiKey, "STARLING_JWT_SECRET="+secret)
	s = &stage{Server: starlingtest.Start(t, cmd)}
	return s, s.Await(t, "control API listening").Addr
}

// gatewayRefuses tries to get into a gateway without a token, and to be heard there all the same.
func gatewayRefuses(t *testing.T, _ *stage, how transport) {
	s, _ := newGateway(t)
	refuses(t, s, how, map[string]string{"": "token_required", `{}`: "token_required", `{"token":""}`: "token_required", `{"token":"x"}`: "token_malformed"})
	p := come(t, s, how, false)
	if err := p.send(`42["emit","room","x"]`); err != nil && err != error(starlingtest.StatusError{Status: 400}) {
		t.Error(err)
	}
	if err := p.wantEnd(1005); err != nil {
		t.Errorf("an event before a CONNECT: %v", err)
	}
	p.close()
	s.Stop(t)
}

// forgedTokens are good tokens but for their signatures, or their times.
func forgedTokens(t *testing.T, _ *stage, how transport) {
	const claims = "eyJzdWIiOiI0MiIsImV4cCI6NDEwMjQ0NDgwMH0" // {"sub":"42","exp":4102444800}
	s, _ := newGateway(t)
	auth := func(token string) string { return `{"token":"` + token + `"}` }
	refuses(t, s, how, map[string]string{
		auth("eyJhbGciOiJub25lIn0." + claims + "."):                                           "token_signature", // {"alg":"none"}
		auth("eyJhbGciOiJIUzI1NiJ9." + claims + "."):                                          "token_signature", // {"alg":"HS256"}
		auth("eyJhbGciOiJIUzI1NiJ9." + claims + "." + strings.Repeat("A", 43)):                "token_signature",
		auth("eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ." + claims + "." + strings.Repeat("A", 342)): "token_signature", // {"alg":"RS256","kid":"k"}
	})
	s.Stop(t)
}

// refuses wants each CONNECT to be refused for its reason, and the client not to be in afterwards.
func refuses(t *testing.T, s *stage, how transport, codes map[string]string) {
	t.Helper()
	for auth, code := range codes {
		p := come(t, s, how, false)
		got, err := p.exchange("40" + auth)
		if err != nil || !strings.HasPrefix(got, `44{"message":"`) || !strings.Contains(got, `"code":"`+code+`"`) {
			t.Errorf("with %s: got %q, %v; want %s", auth, got, err, code)
		}
		if err := p.send(`42["who"]`); err != nil && err != error(starlingtest.StatusError{Status: 400}) {
			t.Error(err)
		}
		if err := p.wantEnd(1005); err != nil {
			t.Errorf("an event all the same: %v", err)
		}
		p.close()
	}
}

// emptyBodiesForTheAPI sends each path of the control API nothing where it wants something.
func emptyBodiesForTheAPI(t *testing.T, _ *stage, _ transport) {
	s, api := newGateway(t)
	for _, path := range []string{
		"/v1/emit", "/v1/rooms/a/emit", "/v1/sockets/a/emit", "/v1/users/a/emit", "/v1/broadcast", "/v1/batch", "/v1/join", "/v1/leave", "/v1/disconnect",
		"/v1/users/online", "/v1/stats", "/v1/rooms", "/metrics", "/healthz", "/", "/nowhere",
	} {
		for _, headers := range []string{"Content-Length: 0\r\n", "", "Transfer-Encoding: chunked\r\n"} {
			body := ""
			if strings.HasPrefix(headers, "Transfer") {
				body = "0\r\n\r\n"
			}
			for _, authorization := range []string{"", "Authorization: Bearer " + apiKey + "\r\n"} {
				r, err := ask(api, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\n"+authorization+headers+"\r\n"+body)
				if err != nil || r.Status < 400 || r.Status >= 500 {
					t.Errorf("%s with %q: answered with %d and %q, %v; want a refusal", path, headers, r.Status, r.Body, err)
				}
			}
		}
	}
	s.Stop(t)
}

// pathsOfWhatIsOff asks servers for what they have been told not to do.
func pathsOfWhatIsOff(t *testing.T, _ *stage, _ transport) {
	for _, tc := range []struct {
		flags string
		asks  map[string]int
	}{
		{"--transports websocket", map[string]int{
			starlingtest.GetRequest(pollTarget): 400, starlingtest.PostRequest(pollTarget+"&sid=x", "40"): 400,
			starlingtest.UpgradeRequest(wsTarget): 101, starlingtest.UpgradeRequest(wsTarget + "&sid=x"): 400,
		}},
		{"--transports polling", map[string]int{
			starlingtest.GetRequest(pollTarget): 200, starlingtest.UpgradeRequest(wsTarget): 400, starlingtest.UpgradeRequest(wsTarget + "&sid=x"): 400,
			starlingtest.GetRequest(wsTarget): 400,
		}},
		{"--no-client --no-http-compression", map[string]int{
			starlingtest.GetRequest("/socket.io/socket.io.js"): 400, starlingtest.GetRequest("/socket.io/socket.io.js.map"): 400,
			starlingtest.GetRequest(pollTarget, "Accept-Encoding: gzip"):                                      200,
			withHeader(starlingtest.UpgradeRequest(wsTarget), "Sec-WebSocket-Extensions: permessage-deflate"): 101,
		}},
	} {
		s := starlingtest.Start(t, starlingtest.Serve(t, strings.Fields(tc.flags)...))
		for request, want := range tc.asks {
			if r, err := ask(s.Addr, request); err != nil || r.Status != want || r.Header["Sec-Websocket-Extensions"] != nil || r.Header["Content-Encoding"] != nil {
				line, _, _ := strings.Cut(request, "\r\n")
				t.Errorf("with %s, %s: answered with %d, %v and %q, %v; want %d", tc.flags, line, r.Status, r.Header, r.Body, err, want)
			}
		}
		c := starlingtest.Dial(t, s.Addr) // which is there when the server ends
		if _, err := io.WriteString(c, "GET "); err != nil {
			t.Fatal(err)
		}
		s.Running(t)
		c.Close()
		s.Stop(t)
	}
}
