package edge

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/rs/cors"
)

// Origins says which pages may talk to the server from a browser. CORS alone cannot: browsers ask nobody before they
// open a WebSocket, and send the user's cookies along (cross-site WebSocket hijacking).
type Origins struct {
	cors     *cors.Cors // nil when only pages of the same origin are allowed
	everyone bool
}

// corsMethods are the methods that a page elsewhere may use, those of the reference server. What comes of them is up to
// the handler of the request, and an error is only readable for the page if its method is among them.
var corsMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete,
}

// NewOrigins makes Origins of a list of origins: scheme://host[:port] each, for instance "https://example.com". The first
// label may be a wildcard, "https://*.example.com", which stands for one label or more (a.example.com, a.b.example.com)
// but not for none (example.com). "*", alone, allows everyone. Pages of the same origin as the server are always allowed,
// and they only when the list is empty.
//
// With credentials, browsers let the pages of allowed origins send cookies to us by polling.
//
// The errors are those named ErrOrigin....
func NewOrigins(allowed []string, credentials bool) (*Origins, error) {
	if len(allowed) == 0 {
		return &Origins{}, nil
	}
	if slices.Equal(allowed, []string{"*"}) {
		if credentials {
			return nil, ErrOriginCredentials
		}
		return &Origins{everyone: true, cors: newCORS(allowed, false)}, nil
	}
	list := make([]string, len(allowed))
	for i, entry := range allowed {
		var err error
		if list[i], err = normalEntry(entry); err != nil {
			return nil, fmt.Errorf("%q: %w", entry, err)
		}
	}
	return &Origins{cors: newCORS(list, credentials)}, nil
}

func newCORS(list []string, credentials bool) *cors.Cors {
	return cors.New(cors.Options{
		AllowedOrigins:   list,
		AllowedMethods:   corsMethods,
		AllowedHeaders:   []string{"*"},
		AllowCredentials: credentials,
	})
}

// normalEntry is an entry of the list in the spelling that browsers have for it: lower case, no default port.
func normalEntry(entry string) (string, error) {
	if entry == "*" {
		return "", ErrOriginStar
	}
	plain, wildcard := strings.Replace(entry, "://*.", "://", 1), ""
	if plain != entry {
		wildcard = "*."
	}
	o, ok := parseOrigin(plain)
	switch {
	case strings.Contains(entry, "*") && (!ok || isAddress(o.host)): // an address has no labels
		return "", ErrOriginWildcard
	case !ok:
		return "", ErrOrigin
	}
	host, ok := normalHost(o.host)
	if !ok {
		return "", ErrOrigin
	}
	if o.port = unless(o.port, o.impliedPort()); o.port != "" {
		o.port = ":" + o.port
	}
	return strings.ToLower(o.scheme + "://" + wildcard + host + o.port), nil
}

// normalHost writes an IPv6 address as browsers do. They and netip differ on an IPv4 address mapped to IPv6, at which no
// page lives.
func normalHost(host string) (normal string, ok bool) {
	if !strings.HasPrefix(host, "[") {
		return host, true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return "[" + addr.String() + "]", err == nil && !addr.Is4In6()
}

// ValidOrigin tells whether the value of an Origin header has visible ASCII characters only. Others make a bad request:
// code 3 in Engine.IO.
func ValidOrigin(origin string) bool {
	for i := range len(origin) {
		if origin[i] <= ' ' || origin[i] >= 0x7f {
			return false
		}
	}
	return true
}

// Allowed tells whether a request may be served: host is its Host, origin its Origin, "" if it has none and so does not
// come from a page. Of a request with more than one Origin, which no browser sends (RFC 6454 7.3), none may be asked
// about: it is to be refused.
func (o *Origins) Allowed(host, origin string) bool {
	switch {
	case origin == "":
		return true
	case sameOrigin(host, origin):
		return true
	case o.cors == nil:
		return false
	default:
		return o.listed(origin)
	}
}

// sameOrigin tells whether a page of the origin was served by host.
func sameOrigin(host, text string) bool {
	o, ok := parseOrigin(text)
	return ok && o.sameHost(host)
}

// listed holds an origin against the list. A wildcard of rs/cors stands for any bytes, so that only what is an origin as
// a whole may be compared with it: https://evil.example/.example.com is not.
func (o *Origins) listed(text string) bool {
	if o.everyone {
		return ValidOrigin(text)
	}
	_, ok := parseOrigin(text)
	return ok && o.cors.OriginAllowed(&http.Request{Header: http.Header{"Origin": {text}}})
}

// Header returns the CORS headers of the response to r, whatever its status: nil unless r comes from a page of another
// origin that is allowed. Responses to others carry no Vary: Origin either. They need none as long as caches may store no
// response, or have to ask each time before they use it.
//
// Header values are shared with r and between calls: they are only to be read.
func (o *Origins) Header(r *http.Request) http.Header {
	if o.cors == nil || !o.crosses(r) {
		return nil
	}
	h := headersOnly{}
	o.cors.HandlerFunc(h, r)
	if len(h["Access-Control-Allow-Origin"]) == 0 {
		return nil // the method was not to its liking
	}
	return http.Header(h)
}

// crosses tells whether r comes from an allowed page of another origin, and whether what rs/cors would repeat of it in
// the response is harmless there.
func (o *Origins) crosses(r *http.Request) bool {
	from := r.Header["Origin"]
	return len(from) == 1 && from[0] != "" &&
		!sameOrigin(r.Host, from[0]) && o.listed(from[0]) &&
		len(r.Header["Access-Control-Request-Method"]) <= 1 &&
		isText(r.Header["Access-Control-Request-Headers"])
}

// isText tells whether values have no byte that would end a header line, or that a header must not have for other
// reasons (RFC 9110 5.5).
func isText(values []string) bool {
	for _, v := range values {
		for i := range len(v) {
			if (v[i] < ' ' && v[i] != '\t') || v[i] >= 0x7f {
				return false
			}
		}
	}
	return true
}

// AppendHeader appends what Header returns as header lines, each with its CRLF. It keeps no reference to dst.
func (o *Origins) AppendHeader(dst []byte, r *http.Request) []byte {
	return AppendLines(dst, o.Header(r))
}

// AppendLines appends headers as lines, each with its CRLF, in the order of their names. It keeps no reference to dst.
func AppendLines(dst []byte, h http.Header) []byte {
	if h == nil {
		return dst
	}
	b := bytes.NewBuffer(dst)
	_ = h.Write(b) // a buffer takes everything
	return b.Bytes()
}

// Preflight returns the headers of the answer to an OPTIONS request, which has status 204 and no body. They are nil when
// there is nothing to be permitted, or nobody to permit it to. If ok is false, CORS is off and OPTIONS is a method like others that the
// server has no use for.
//
// Header values are shared with r and between calls: they are only to be read.
func (o *Origins) Preflight(r *http.Request) (header http.Header, ok bool) {
	if o.cors == nil {
		return nil, false
	}
	return o.Header(r), true
}

// headersOnly is an http.ResponseWriter that keeps the headers.
type headersOnly http.Header

// Header is part of http.ResponseWriter.
func (h headersOnly) Header() http.Header { return http.Header(h) }

// Write is part of http.ResponseWriter.
func (h headersOnly) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader is part of http.ResponseWriter.
func (h headersOnly) WriteHeader(int) {}
