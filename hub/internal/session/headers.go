package session

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"runtime/debug"
	"slices"
	"strings"

	"starling/eventloop"
	"starling/hub/internal/edge"
	"starling/wsproto"
)

// alter has the application change the headers of an answer. It returns the status line, and the header lines that come of
// it. If the application panics there is no answer, since one without what was to be in it may be one that must not be
// given: the connection is cut.
func (x *exchange) alter(t *Table, status string) (line string, fields []byte, ok bool) {
	line, lines, _ := strings.Cut(status, "\r\n")
	header, fields := splitLines(lines + string(x.fields))
	defer func() {
		if r := recover(); r != nil {
			x.cut(fmt.Sprintf("%v, in Config.Headers\n%s", r, debug.Stack()))
		}
	}()
	t.cfg.Headers(header, x.request, x.first)
	t.cfg.cleanse(header)
	return line + "\r\n", edge.AppendLines(fields, header), true
}

// cut cuts the connection. What the application has panicked with goes on from there, to be logged and counted by the loop:
// here it would end a walk over many sessions.
func (x *exchange) cut(panicked string) {
	x.home.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) {
		x.conn.conn.Abort(eventloop.ErrPanic)
		panic(panicked)
	}))
}

// splitLines reads header lines of our own. Those that are the protocol's are returned as they are.
func splitLines(lines string) (header http.Header, protocols []byte) {
	header = http.Header{}
	for line := range strings.SplitSeq(strings.TrimSuffix(lines, "\r\n"), "\r\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "":
		case isProtocols(name):
			protocols = append(protocols, line+"\r\n"...)
		default:
			header.Add(name, value)
		}
	}
	return header, protocols
}

// isProtocols reports whether a header is the protocol's: with another value of it, or without it, the client would not know
// where the answer ends, how it is encoded, or what comes behind it.
func isProtocols(name string) bool {
	switch name = textproto.CanonicalMIMEHeaderKey(name); name {
	case "Connection", "Content-Encoding", "Content-Length", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return strings.HasPrefix(name, "Sec-Websocket-")
}

// cleanse drops from the application's headers those that are the protocol's, and those that HTTP does not allow: with a
// line break in it a header would be several, or a body. The first one of these is logged, and then ever fewer.
func (cfg *Config) cleanse(header http.Header) {
	for name, values := range header {
		if isProtocols(name) {
			delete(header, name)
			continue
		}
		kept := slices.DeleteFunc(slices.Clone(values), func(value string) bool { return !validField(name, value) })
		if len(kept) == len(values) {
			continue
		}
		header[name] = kept
		if n := cfg.malformed.Add(1); n&(n-1) == 0 {
			cfg.Logger.Error("dropped a response header that HTTP does not allow", "name", name, "dropped_so_far", n)
		}
	}
}

// validField reports whether HTTP allows a header (RFC 9110 5.1, 5.5, 5.6.2), in ASCII.
func validField(name, value string) bool {
	return name != "" &&
		!strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c) }) &&
		!strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c >= 0x7f })
}

// alter has the application change the headers of the answer to an upgrade request, which is granted if refused is nil, and
// adds to it what comes of them. If the application panics, that is as if Config.Allow had: nothing has begun yet.
func (u *upgrade) alter(hs *wsproto.Handshake, refused error) error {
	req := u.request()
	if req == nil {
		return faultRequest
	}
	cfg, header := u.by.table.cfg, http.Header{}
	if comesLater(refused) {
		header.Set("Retry-After", retryAfterSeconds)
	}
	cfg.Headers(header, req, refused == nil && u.query.sid == "")
	cfg.cleanse(header)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if strings.EqualFold(name, "Content-Type") { // a 101 has none, and a refusal its own
			continue
		}
		for _, value := range header[name] {
			hs.AddHeader(name, value)
		}
	}
	return refused
}
