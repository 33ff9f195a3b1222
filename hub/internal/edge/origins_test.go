package edge

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func mustOrigins(t testing.TB, credentials bool, allowed ...string) *Origins {
	t.Helper()
	o, err := NewOrigins(allowed, credentials)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestNewOriginsRefuses(t *testing.T) {
	for _, tt := range []struct {
		name        string
		allowed     []string
		credentials bool
		want        error
	}{
		{"empty entry", []string{""}, false, ErrOrigin},
		{"no scheme", []string{"example.com"}, false, ErrOrigin},
		{"no scheme but slashes", []string{"//example.com"}, false, ErrOrigin},
		{"no host", []string{"https://"}, false, ErrOrigin},
		{"a file's", []string{"file://"}, false, ErrOrigin},
		{"null", []string{"null"}, false, ErrOrigin},
		{"slash at the end", []string{"https://example.com/"}, false, ErrOrigin},
		{"path", []string{"https://example.com/app"}, false, ErrOrigin},
		{"query", []string{"https://example.com?a"}, false, ErrOrigin},
		{"fragment", []string{"https://example.com#a"}, false, ErrOrigin},
		{"userinfo", []string{"https://u:p@example.com"}, false, ErrOrigin},
		{"user alone", []string{"https://u@example.com"}, false, ErrOrigin},
		{"backslash", []string{`https:\\example.com`}, false, ErrOrigin},
		{"scheme with a space", []string{"ht tps://example.com"}, false, ErrOrigin},
		{"scheme begins with a digit", []string{"1http://example.com"}, false, ErrOrigin},
		{"space before", []string{" https://example.com"}, false, ErrOrigin},
		{"space behind", []string{"https://example.com "}, false, ErrOrigin},
		{"two in one", []string{"https://a.com https://b.com"}, false, ErrOrigin},
		{"two with a comma", []string{"https://a.com,https://b.com"}, false, ErrOrigin},
		{"line end", []string{"https://example.com\r\nX: y"}, false, ErrOrigin},
		{"NUL", []string{"https://example.com\x00"}, false, ErrOrigin},
		{"DEL", []string{"https://example.com\x7f"}, false, ErrOrigin},
		{"not ASCII", []string{"https://b\u00fccher.example"}, false, ErrOrigin},
		{"Kelvin sign", []string{"https://\u212aelvin.example"}, false, ErrOrigin},
		{"empty label", []string{"https://a..example.com"}, false, ErrOrigin},
		{"leading dot", []string{"https://.example.com"}, false, ErrOrigin},
		{"only a dot", []string{"https://."}, false, ErrOrigin},
		{"colon without port", []string{"https://example.com:"}, false, ErrOrigin},
		{"port 0", []string{"https://example.com:0"}, false, ErrOrigin},
		{"port too large", []string{"https://example.com:65536"}, false, ErrOrigin},
		{"port of six digits", []string{"https://example.com:100000"}, false, ErrOrigin},
		{"port with a leading zero", []string{"https://example.com:0443"}, false, ErrOrigin},
		{"port that wraps around 64 bits to 443", []string{"https://example.com:18446744073709552059"}, false, ErrOrigin},
		{"port with a sign", []string{"https://example.com:+443"}, false, ErrOrigin},
		{"port is a word", []string{"https://example.com:https"}, false, ErrOrigin},
		{"two ports", []string{"https://example.com:1:2"}, false, ErrOrigin},
		{"IPv6 without brackets", []string{"http://::1"}, false, ErrOrigin},
		{"IPv6 bracket left open", []string{"http://[::1"}, false, ErrOrigin},
		{"IPv6 bracket never opened", []string{"http://::1]"}, false, ErrOrigin},
		{"IPv6 with something behind", []string{"http://[::1]a"}, false, ErrOrigin},
		{"IPv6 with a zone", []string{"http://[fe80::1%25eth0]"}, false, ErrOrigin},
		{"IPv4 in brackets", []string{"http://[127.0.0.1]"}, false, ErrOrigin},
		{"IPv4 mapped to IPv6", []string{"http://[::ffff:127.0.0.1]"}, false, ErrOrigin},
		{"IPv4 of two parts", []string{"http://127.1"}, false, ErrOrigin},
		{"IPv4 in hexadecimal", []string{"http://0x7f.0.0.0x1"}, false, ErrOrigin},
		{"IPv4 as a number", []string{"http://2130706433"}, false, ErrOrigin},
		{"name of 255 bytes", []string{"http://" + strings.Repeat("a.", 127) + "a"}, false, ErrOrigin},
		{"the second entry", []string{"https://example.com", "oops"}, false, ErrOrigin},

		{"wildcard for all hosts", []string{"https://*"}, false, ErrOriginWildcard},
		{"wildcard for all ports", []string{"https://example.com:*"}, false, ErrOriginWildcard},
		{"wildcard for schemes", []string{"*://example.com"}, false, ErrOriginWildcard},
		{"wildcard without scheme", []string{"*.example.com"}, false, ErrOriginWildcard},
		{"wildcard for a part of a label", []string{"https://app*.example.com"}, false, ErrOriginWildcard},
		{"wildcard without its dot", []string{"https://*example.com"}, false, ErrOriginWildcard},
		{"wildcard in the middle", []string{"https://a.*.example.com"}, false, ErrOriginWildcard},
		{"wildcard at the end", []string{"https://example.*"}, false, ErrOriginWildcard},
		{"two wildcards", []string{"https://*.*.example.com"}, false, ErrOriginWildcard},
		{"wildcard before nothing", []string{"https://*."}, false, ErrOriginWildcard},
		{"wildcard before an IPv4 address", []string{"http://*.0.0.1"}, false, ErrOriginWildcard},
		{"wildcard before a whole IPv4 address", []string{"http://*.127.0.0.1"}, false, ErrOriginWildcard},
		{"wildcard before an IPv6 address", []string{"http://*.[::1]"}, false, ErrOriginWildcard},
		{"wildcard and a path", []string{"https://*.example.com/"}, false, ErrOriginWildcard},

		{"star with another", []string{"*", "https://example.com"}, false, ErrOriginStar},
		{"star behind another", []string{"https://example.com", "*"}, true, ErrOriginStar},
		{"star twice", []string{"*", "*"}, false, ErrOriginStar},
		{"star with credentials", []string{"*"}, true, ErrOriginCredentials},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, err := NewOrigins(tt.allowed, tt.credentials)
			if !errors.Is(err, tt.want) || o != nil {
				t.Errorf("NewOrigins(%q) = %v, %v, want %v", tt.allowed, o, err, tt.want)
			}
		})
	}
}

func TestNormalEntry(t *testing.T) {
	for _, tt := range []struct{ entry, want string }{
		{"https://example.com", "https://example.com"},
		{"HTTPS://Example.COM", "https://example.com"},
		{"https://example.com:443", "https://example.com"},
		{"http://example.com:80", "http://example.com"},
		{"https://example.com:80", "https://example.com:80"},
		{"http://example.com:443", "http://example.com:443"},
		{"http://localhost:3000", "http://localhost:3000"},
		{"http://localhost:65535", "http://localhost:65535"},
		{"https://*.Example.com:443", "https://*.example.com"},
		{"https://*.example.com:8443", "https://*.example.com:8443"},
		{"http://*.localhost", "http://*.localhost"},
		{"http://127.0.0.1:80", "http://127.0.0.1"},
		{"http://[0:0:0:0:0:0:0:1]:80", "http://[::1]"},
		{"http://[2001:DB8:0:0::1]:81", "http://[2001:db8::1]:81"},
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"https://my_host", "https://my_host"},
		{"https://example.com.", "https://example.com."},
		{"https://3com.com", "https://3com.com"},
		{"capacitor://localhost", "capacitor://localhost"},
		{"chrome-extension://aabbcc", "chrome-extension://aabbcc"},
	} {
		if got, err := normalEntry(tt.entry); got != tt.want || err != nil {
			t.Errorf("normalEntry(%q) = %q, %v, want %q", tt.entry, got, err, tt.want)
		}
	}
}

type allowedRow struct {
	name, host, origin string
	want               bool
}

func testAllowed(t *testing.T, o *Origins, rows []allowedRow) {
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			if got := o.Allowed(tt.host, tt.origin); got != tt.want {
				t.Errorf("Allowed(%q, %q) = %v", tt.host, tt.origin, got)
			}
		})
	}
}

func TestSameOriginOnly(t *testing.T) {
	testAllowed(t, mustOrigins(t, false), []allowedRow{
		{"no browser", "example.com", "", true},
		{"no browser and no host", "", "", true},
		{"same", "example.com", "http://example.com", true},
		{"same behind TLS", "example.com", "https://example.com", true},
		{"host in capitals", "EXAMPLE.com", "https://example.com", true},
		{"origin in capitals", "example.com", "HTTPS://Example.COM", true},
		{"default port of http in the host", "example.com:80", "http://example.com", true},
		{"default port of https in the host", "example.com:443", "https://example.com", true},
		{"default port in the origin", "example.com", "https://example.com:443", true},
		{"default port in both", "example.com:80", "http://example.com:80", true},
		{"own port", "example.com:8080", "http://example.com:8080", true},
		{"localhost", "localhost:3000", "http://localhost:3000", true},
		{"IPv4", "127.0.0.1:3000", "http://127.0.0.1:3000", true},
		{"IPv6", "[::1]:3000", "http://[::1]:3000", true},
		{"IPv6 without port", "[::1]", "http://[::1]", true},
		{"IPv6 with the default port", "[::1]:80", "http://[::1]", true},
		{"IPv6 in capitals", "[2001:DB8::A]", "https://[2001:db8::a]", true},
		{"international name", "xn--bcher-kva.example", "https://xn--bcher-kva.example", true},
		{"underscore", "my_host", "http://my_host", true},
		{"dot at the end of both", "example.com.", "https://example.com.", true},

		{"another host", "example.com", "https://evil.example", false},
		{"subdomain", "example.com", "https://a.example.com", false},
		{"parent domain", "a.example.com", "https://example.com", false},
		{"ours before theirs", "example.com", "https://example.com.evil", false},
		{"theirs before ours", "example.com", "https://evil-example.com", false},
		{"dot at the end of the origin", "example.com", "https://example.com.", false},
		{"dot at the end of the host", "example.com.", "https://example.com", false},
		{"another port", "example.com:3000", "http://example.com:4000", false},
		{"port in the host only", "example.com:3000", "http://example.com", false},
		{"port in the origin only", "example.com", "http://example.com:3000", false},
		{"default port of the other scheme in the host", "example.com:80", "https://example.com", false},
		{"default port of the other scheme in the origin", "example.com", "https://example.com:80", false},
		{"port with a leading zero", "example.com:080", "http://example.com", false},
		{"colon without port in the host", "example.com:", "http://example.com", false},
		{"colon without port in the origin", "example.com", "http://example.com:", false},
		{"null", "example.com", "null", false},
		{"null as a host", "null", "null", false},
		{"a file's", "example.com", "file://", false},
		{"a file's, no host", "", "file://", false},
		{"no host", "", "http://", false},
		{"app on a phone", "localhost", "capacitor://localhost", false},
		{"extension", "example.com", "chrome-extension://example.com", false},
		{"scheme of WebSocket", "example.com", "wss://example.com", false},
		{"scheme only", "example.com", "https:", false},
		{"scheme without slashes", "example.com", "https:example.com", false},
		{"name only", "example.com", "example.com", false},
		{"slash at the end", "example.com", "https://example.com/", false},
		{"path", "example.com", "https://example.com/a", false},
		{"query", "example.com", "https://example.com?", false},
		{"ours as user", "example.com", "https://example.com@evil.example", false},
		{"user of ours", "example.com", "https://u@example.com", false},
		{"userinfo in the host too", "u@example.com", "https://u@example.com", false},
		{"backslash", "example.com", `https://evil.example\@example.com`, false},
		{"list", "example.com", "https://example.com https://evil.example", false},
		{"list with a comma", "example.com", "https://example.com, https://evil.example", false},
		{"line end", "example.com", "https://example.com\r\nX: y", false},
		{"line end in both", "a\r\nb", "https://a\r\nb", false},
		{"NUL", "example.com", "https://example.com\x00", false},
		{"NUL in both", "a\x00", "https://a\x00", false},
		{"Kelvin sign in the host", "\u212aelvin.example", "https://kelvin.example", false},
		{"Kelvin sign in the origin", "kelvin.example", "https://\u212aelvin.example", false},
		{"not ASCII in both", "b\u00fccher.example", "https://b\u00fccher.example", false},
		{"CR for a hyphen, which differ in the bit of lower case", "a\rb.example", "http://a-b.example", false},
		{"DEL for an underscore", "a\x7fb.example", "http://a_b.example", false},
		{"letters and their neighbours", "a[.example", "http://a{.example", false},
		{"IPv6, another spelling", "[::1]", "http://[0:0:0:0:0:0:0:1]", false},
		{"IPv6 without brackets", "::1", "http://::1", false},
		{"IPv6 with a zone", "[fe80::1%eth0]", "http://[fe80::1%eth0]", false},
		{"IPv4 in two spellings", "127.0.0.1", "http://127.1", false},
		{"IPv4 in one that browsers never write", "127.1", "http://127.1", false},
		{"empty label", "a..b", "http://a..b", false},
		{"star", "*", "*", false},
		{"star as a host", "*", "https://*", false},
	})
}

func TestListedOrigins(t *testing.T) {
	o := mustOrigins(t, true, "https://example.com", "http://localhost:3000", "https://*.wild.example", "https://*.ports.example:8443",
		"http://[::1]:3000", "https://xn--bcher-kva.example", "capacitor://localhost", "https://org1.prefix-ex.com")
	const host = "chat.example"
	testAllowed(t, o, []allowedRow{
		{"no browser", host, "", true},
		{"same origin", host, "https://chat.example", true},
		{"listed", host, "https://example.com", true},
		{"listed, in capitals", host, "HTTPS://EXAMPLE.com", true},
		{"listed, with port", host, "http://localhost:3000", true},
		{"listed, IPv6", host, "http://[::1]:3000", true},
		{"listed, international", host, "https://xn--bcher-kva.example", true},
		{"listed, app", host, "capacitor://localhost", true},
		{"wildcard, one label", host, "https://a.wild.example", true},
		{"wildcard, two labels", host, "https://a.b.wild.example", true},
		{"wildcard, in capitals", host, "https://A.Wild.Example", true},
		{"wildcard, with port", host, "https://a.ports.example:8443", true},

		{"another", host, "https://evil.example", false},
		{"another scheme", host, "http://example.com", false},
		{"another port", host, "https://example.com:8443", false},
		{"no port", host, "http://localhost", false},
		{"default port, which no browser sends", host, "https://example.com:443", false},
		{"subdomain of a listed one", host, "https://a.example.com", false},
		{"dot at the end", host, "https://example.com.", false},
		{"listed before theirs", host, "https://example.com.evil", false},
		{"theirs before listed", host, "https://evil-example.com", false},
		{"prefix of a listed one", host, "https://org1.prefix-ex.co", false},
		{"listed one as a suffix", host, "https://xorg1.prefix-ex.com", false},
		{"listed one as user", host, "https://example.com@evil.example", false},
		{"listed one as path", host, "https://evil.example/https://example.com", false},
		{"slash at the end", host, "https://example.com/", false},
		{"wildcard, no label", host, "https://wild.example", false},
		{"wildcard, empty label", host, "https://.wild.example", false},
		{"wildcard, part of a label", host, "https://evil-wild.example", false},
		{"wildcard, part of a label without hyphen", host, "https://evilwild.example", false},
		{"wildcard, theirs behind", host, "https://a.wild.example.evil", false},
		{"wildcard, another scheme", host, "http://a.wild.example", false},
		{"wildcard, another port", host, "https://a.wild.example:8443", false},
		{"wildcard, port missing", host, "https://a.ports.example", false},
		{"wildcard as path", host, "https://evil.example/.wild.example", false},
		{"wildcard as query", host, "https://evil.example?.wild.example", false},
		{"wildcard as fragment", host, "https://evil.example#.wild.example", false},
		{"wildcard behind a port", host, "https://evil.example:1.wild.example", false},
		{"wildcard behind a user", host, "https://evil@.wild.example", false},
		{"wildcard behind a backslash", host, `https://evil.example\.wild.example`, false},
		{"wildcard behind a NUL", host, "https://evil.example\x00.wild.example", false},
		{"wildcard behind a line end", host, "https://evil.example\r\n.wild.example", false},
		{"wildcard itself", host, "https://*.wild.example", false},
		{"null", host, "null", false},
		{"a file's", host, "file://", false},
		{"list", host, "https://example.com https://evil.example", false},
		{"star", host, "*", false},
	})
}

func TestEveryOrigin(t *testing.T) {
	testAllowed(t, mustOrigins(t, false, "*"), []allowedRow{
		{"no browser", "chat.example", "", true},
		{"same origin", "chat.example", "https://chat.example", true},
		{"any", "chat.example", "https://evil.example", true},
		{"null", "chat.example", "null", true},
		{"a file's", "chat.example", "file://", true},
		{"line end", "chat.example", "https://a\r\nX: y", false},
		{"not ASCII", "chat.example", "https://b\u00fccher.example", false},
	})
}

func TestValidOrigin(t *testing.T) {
	for _, tt := range []struct {
		origin string
		want   bool
	}{
		{"", true},
		{"https://example.com", true},
		{"null", true},
		{"!~", true},
		{"a b", false},
		{"a\tb", false},
		{"a\r\nb", false},
		{"a\nb", false},
		{"a\x00", false},
		{"\x1f", false},
		{"\x7f", false},
		{"\x80", false},
		{"\xff", false},
		{"b\u00fccher", false},
	} {
		if got := ValidOrigin(tt.origin); got != tt.want {
			t.Errorf("ValidOrigin(%q) = %v", tt.origin, got)
		}
	}
}

// request is one to chat.example with the header lines given as name and value in turns.
func request(method string, header ...string) *http.Request {
	r := &http.Request{Method: method, Host: "chat.example", Header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestAppendHeader(t *testing.T) {
	star := mustOrigins(t, false, "*")
	listed := mustOrigins(t, false, "https://example.com", "https://*.wild.example")
	credited := mustOrigins(t, true, "https://example.com", "https://*.wild.example")
	for _, tt := range []struct {
		name string
		o    *Origins
		r    *http.Request
		want string
	}{
		{"none configured, no origin", mustOrigins(t, false), request("GET"), ""},
		{"none configured, same origin", mustOrigins(t, false), request("GET", "Origin", "https://chat.example"), ""},
		{"none configured, another", mustOrigins(t, false), request("GET", "Origin", "https://evil.example"), ""},
		{"none configured, with credentials", mustOrigins(t, true), request("GET", "Origin", "https://evil.example"), ""},

		{"everyone, no origin", star, request("GET"), ""},
		{"everyone, same origin", star, request("GET", "Origin", "https://chat.example"), ""},
		{"everyone", star, request("GET", "Origin", "https://evil.example"), "Access-Control-Allow-Origin: *\r\nVary: Origin\r\n"},
		{"everyone, null", star, request("POST", "Origin", "null"), "Access-Control-Allow-Origin: *\r\nVary: Origin\r\n"},
		{"everyone, line end", star, request("GET", "Origin", "https://a\r\nX: y"), ""},

		{"listed, no origin", listed, request("GET"), ""},
		{"listed, empty origin", listed, request("GET", "Origin", ""), ""},
		{"listed, same origin", listed, request("GET", "Origin", "http://chat.example"), ""},
		{"listed", listed, request("GET", "Origin", "https://example.com"), "Access-Control-Allow-Origin: https://example.com\r\nVary: Origin\r\n"},
		{"listed, as it was spelt", listed, request("GET", "Origin", "https://A.wild.example"), "Access-Control-Allow-Origin: https://A.wild.example\r\nVary: Origin\r\n"},
		{"forbidden", listed, request("GET", "Origin", "https://evil.example"), ""},
		{"null is not listed", listed, request("GET", "Origin", "null"), ""},
		{"line end", listed, request("GET", "Origin", "https://a\r\n.wild.example"), ""},
		{"two origins", listed, request("GET", "Origin", "https://example.com", "Origin", "https://evil.example"), ""},
		{"the same twice", listed, request("GET", "Origin", "https://example.com", "Origin", "https://example.com"), ""},
		{"method of nobody", listed, request("BREW", "Origin", "https://example.com"), ""},

		{
			"credentials", credited, request("POST", "Origin", "https://example.com"),
			"Access-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Origin: https://example.com\r\nVary: Origin\r\n",
		},
		{"credentials, forbidden", credited, request("GET", "Origin", "https://evil.example"), ""},
		{"credentials, same origin", credited, request("GET", "Origin", "https://chat.example"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(tt.o.AppendHeader([]byte("HTTP/1.1 200 OK\r\n"), tt.r)); got != "HTTP/1.1 200 OK\r\n"+tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	listed := mustOrigins(t, true, "https://example.com")
	star := mustOrigins(t, false, "*")
	const vary = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
	for _, tt := range []struct {
		name string
		o    *Origins
		r    *http.Request
		want string
		ok   bool
	}{
		{"CORS is off", mustOrigins(t, false), request("OPTIONS", "Origin", "https://example.com", "Access-Control-Request-Method", "POST"), "", false},
		{"CORS is off, same origin", mustOrigins(t, true), request("OPTIONS", "Origin", "https://chat.example"), "", false},
		{
			"listed", listed, request("OPTIONS", "Origin", "https://example.com", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-a"),
			"Access-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Headers: x-a\r\nAccess-Control-Allow-Methods: POST\r\n" +
				"Access-Control-Allow-Origin: https://example.com\r\n" + vary, true,
		},
		{
			"everyone", star, request("OPTIONS", "Origin", "https://evil.example", "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "x-a,x-b"),
			"Access-Control-Allow-Headers: x-a,x-b\r\nAccess-Control-Allow-Methods: PATCH\r\nAccess-Control-Allow-Origin: *\r\n" + vary, true,
		},
		{
			"headers with a tab between", star, request("OPTIONS", "Origin", "https://evil.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-a,\tx-b"),
			"Access-Control-Allow-Headers: x-a,\tx-b\r\nAccess-Control-Allow-Methods: GET\r\nAccess-Control-Allow-Origin: *\r\n" + vary, true,
		},
		{
			"no headers asked for", star, request("OPTIONS", "Origin", "https://evil.example", "Access-Control-Request-Method", "GET"),
			"Access-Control-Allow-Methods: GET\r\nAccess-Control-Allow-Origin: *\r\n" + vary, true,
		},
		{
			"nothing asked for", listed, request("OPTIONS", "Origin", "https://example.com"),
			"Access-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Origin: https://example.com\r\nVary: Origin\r\n", true,
		},
		{"forbidden", listed, request("OPTIONS", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST"), "", true},
		{"no origin", listed, request("OPTIONS", "Access-Control-Request-Method", "POST"), "", true},
		{"same origin", listed, request("OPTIONS", "Origin", "https://chat.example", "Access-Control-Request-Method", "POST"), "", true},
		{"method of nobody", listed, request("OPTIONS", "Origin", "https://example.com", "Access-Control-Request-Method", "BREW"), "", true},
		{
			"two methods, of which only the first is checked", star,
			request("OPTIONS", "Origin", "https://a.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Method", "X\r\nSet-Cookie: a=b"), "", true,
		},
		{
			"line end in a header name", star,
			request("OPTIONS", "Origin", "https://a.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x\r\nSet-Cookie: a=b"), "", true,
		},
		{
			"line end in the second line", star,
			request("OPTIONS", "Origin", "https://a.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x", "Access-Control-Request-Headers", "y\nz"), "", true,
		},
		{
			"DEL in a header name", star,
			request("OPTIONS", "Origin", "https://a.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x\x7f"), "", true,
		},
		{
			"not ASCII in a header name", star,
			request("OPTIONS", "Origin", "https://a.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x\xff"), "", true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, ok := tt.o.Preflight(tt.r)
			var b strings.Builder
			if err := h.Write(&b); err != nil {
				t.Fatal(err)
			}
			if b.String() != tt.want || ok != tt.ok {
				t.Errorf("got %q, %v", b.String(), ok)
			}
		})
	}
}
