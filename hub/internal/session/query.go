package session

import (
	"bytes"
	"errors"
	"net/url"
)

// query is what the query of a request says about Engine.IO.
type query struct {
	version   string // EIO
	transport string
	sid       string
	base64    bool // b64: the client cannot take binary frames
}

var errQueryTooLong = errors.New("session: query too long")

// parseQuery reads a query. Of a key that occurs more than once the last one counts, as with the reference server.
func parseQuery(raw []byte) (q query, err error) {
	if len(raw) > queryBytesMax {
		return q, errQueryTooLong
	}
	for len(raw) > 0 {
		var pair []byte
		pair, raw, _ = bytes.Cut(raw, []byte{'&'})
		key, value, _ := bytes.Cut(pair, []byte{'='})
		if len(key) == 0 {
			continue
		}
		v, err := url.QueryUnescape(string(value))
		if err != nil {
			return q, err
		}
		switch string(key) {
		case "EIO":
			q.version = v
		case "transport":
			q.transport = v
		case "sid":
			q.sid = v
		case "b64":
			q.base64 = v != ""
		}
	}
	return q, nil
}
