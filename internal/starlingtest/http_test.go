package starlingtest

import (
	"errors"
	"io"
	"testing"
)

func TestRequests(t *testing.T) {
	for _, tc := range []struct{ name, got, want string }{
		{"a GET", GetRequest("/x"), "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"a GET with a header", GetRequest("/x", "A: b"), "GET /x HTTP/1.1\r\nHost: localhost\r\nA: b\r\n\r\n"},
		{
			"a POST", PostRequest("/x", "42"),
			"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: 2\r\n\r\n42",
		},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, tc.got, tc.want)
		}
	}
}

func TestLastResponse(t *testing.T) {
	const good = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
	for _, tc := range []struct {
		name, in string
		status   int
		want     error // nil: some error, where status is 0
	}{
		{"alone", good, 400, nil},
		{"two", good + good, 0, nil},
		{"one byte more", good + "!", 0, nil},
		{"nothing", "", 0, io.ErrUnexpectedEOF},
		{"half a head", good[:20], 0, io.ErrUnexpectedEOF},
		{"half a body", good[:len(good)-1], 0, io.ErrUnexpectedEOF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := over([]byte(tc.in)).LastResponse()
			if tc.status == 0 {
				if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
				return
			}
			if err != nil || r.Status != tc.status || r.Body != "no" || !r.Ends {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func TestAccept(t *testing.T) {
	for _, tc := range []struct{ name, payload, sid string }{
		{"an open packet", `0{"sid":"abc","upgrades":["websocket"]}`, "abc"},
		{"another packet", `4{"sid":"abc"}`, ""},
		{"no JSON", `0abc`, ""},
		{"nothing", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := NewPoller("")
			if err := p.Accept(tc.payload); (err == nil) != (tc.sid != "") || p.SID != tc.sid {
				t.Errorf("got %q, %v; want %q", p.SID, err, tc.sid)
			}
		})
	}
}
