package edge

import (
	"fmt"
	"net/http"
	"strings"
)

// CheckCookie tells what speaks against c as the template of the session cookie: a name, path or domain that cannot be
// written in a header, a value of its own, or a combination that browsers refuse to keep.
func CheckCookie(c *http.Cookie) error {
	if err := c.Valid(); err != nil {
		return fmt.Errorf("edge: session cookie: %w", err)
	}
	switch {
	case c.Value != "":
		return ErrCookieValue
	case c.SameSite == http.SameSiteNoneMode && !c.Secure:
		return ErrCookieSecure
	case strings.HasPrefix(c.Name, "__Secure-") && !c.Secure,
		strings.HasPrefix(c.Name, "__Host-") && (!c.Secure || c.Path != "/" || c.Domain != ""):
		return ErrCookiePrefix
	default:
		return nil
	}
}

// CookieHeader returns the value of the Set-Cookie header that hands a client the id of its session. CheckCookie has
// passed the template, which is only read; sid has letters, digits, - and _ only.
func CookieHeader(c *http.Cookie, sid string) string {
	of := *c
	of.Value = sid
	return of.String()
}
