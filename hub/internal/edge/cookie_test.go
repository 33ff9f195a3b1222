package edge

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCheckCookieRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cookie http.Cookie
		want   error
	}{
		{"value", http.Cookie{Name: "io", Value: "x"}, ErrCookieValue},
		{"SameSite=None", http.Cookie{Name: "io", SameSite: http.SameSiteNoneMode}, ErrCookieSecure},
		{"__Secure-", http.Cookie{Name: "__Secure-io"}, ErrCookiePrefix},
		{"__Host- not secure", http.Cookie{Name: "__Host-io", Path: "/"}, ErrCookiePrefix},
		{"__Host- without path", http.Cookie{Name: "__Host-io", Secure: true}, ErrCookiePrefix},
		{"__Host- with domain", http.Cookie{Name: "__Host-io", Secure: true, Path: "/", Domain: "example.com"}, ErrCookiePrefix},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := CheckCookie(&tt.cookie); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestCheckCookieBytes has what net/http says; its errors have no names.
func TestCheckCookieBytes(t *testing.T) {
	for name, c := range map[string]*http.Cookie{
		"none":                     nil,
		"no name":                  {},
		"name with CR LF":          {Name: "io\r\nX: y"},
		"name with =":              {Name: "io=a"},
		"name with ;":              {Name: "io;a"},
		"name with a blank":        {Name: "i o"},
		"name with NUL":            {Name: "io\x00"},
		"name not ASCII":           {Name: "\u00ef\u00f6"},
		"path with CR LF":          {Name: "io", Path: "/\r\nX: y"},
		"path with ;":              {Name: "io", Path: "/; Domain=evil.example"},
		"path not ASCII":           {Name: "io", Path: "/\u00fc"},
		"domain with CR LF":        {Name: "io", Domain: "example.com\r\nX: y"},
		"domain with ;":            {Name: "io", Domain: "example.com; HttpOnly"},
		"domain with a scheme":     {Name: "io", Domain: "https://example.com"},
		"domain with port":         {Name: "io", Domain: "example.com:80"},
		"domain with empty label":  {Name: "io", Domain: "a..b"},
		"value with CR LF":         {Name: "io", Value: "a\r\nX: y"},
		"expires before all dates": {Name: "io", Expires: time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC)},
		"partitioned, not secure":  {Name: "io", Partitioned: true},
	} {
		if err := CheckCookie(c); err == nil || !strings.HasPrefix(err.Error(), "edge: session cookie: http: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCookieHeader(t *testing.T) {
	const sid = "J1HYcRg53tNZiD67AAAA"
	for _, tt := range []struct {
		name   string
		cookie http.Cookie
		want   string
	}{
		{
			"as the reference server",
			http.Cookie{Name: "io", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode},
			"io=J1HYcRg53tNZiD67AAAA; Path=/; HttpOnly; SameSite=Lax",
		},
		{"name alone", http.Cookie{Name: "io"}, "io=J1HYcRg53tNZiD67AAAA"},
		{
			"everything",
			http.Cookie{
				Name: "__Secure-io", Path: "/chat", Domain: "example.com", MaxAge: 60, Secure: true, HttpOnly: true,
				SameSite: http.SameSiteNoneMode, Partitioned: true,
			},
			"__Secure-io=J1HYcRg53tNZiD67AAAA; Path=/chat; Domain=example.com; Max-Age=60; HttpOnly; Secure; SameSite=None; Partitioned",
		},
		{"__Host-", http.Cookie{Name: "__Host-io", Path: "/", Secure: true}, "__Host-io=J1HYcRg53tNZiD67AAAA; Path=/; Secure"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := CheckCookie(&tt.cookie); err != nil {
				t.Error(err)
			}
			if got := CookieHeader(&tt.cookie, sid); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.cookie.Value != "" {
				t.Errorf("the template has the value %q", tt.cookie.Value)
			}
		})
	}
}
