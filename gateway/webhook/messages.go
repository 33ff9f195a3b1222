package webhook

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// head is what each message begins with, and each notification within one.
type head struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Time string `json:"time"`
}

type connectMessage struct {
	head
	ConnectRequest
}

type joinMessage struct {
	head
	JoinRequest
}

type eventMessage struct {
	head
	EventRequest
}

// notificationMessage is one of a batch.
type notificationMessage struct {
	head
	SID       string `json:"sid,omitempty"`
	User      string `json:"user,omitempty"`
	Namespace string `json:"nsp,omitempty"`
	Room      string `json:"room,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// stamp writes a time as in RFC 3339, in UTC, always with milliseconds: texts of one length that sort as the times do.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// lowered is a copy with its names in lower case, so that a backend need not know how Go writes them.
func lowered(h http.Header) http.Header {
	if h == nil {
		return nil
	}
	low := make(http.Header, len(h))
	for name, values := range h {
		low[strings.ToLower(name)] = append(low[strings.ToLower(name)], values...)
	}
	return low
}

// appendBatch appends the body of a batch of the first of the entries, as many as fit into bytesMax, and at least one.
func appendBatch(dst []byte, h head, entries []entry, bytesMax int) (body []byte, n int) {
	opened, _ := json.Marshal(h) // three strings
	dst = append(dst, opened[:len(opened)-1]...)
	dst = append(dst, `,"events":[`...)
	for ; n < len(entries); n++ {
		event := entries[n].encode()
		if n > 0 && len(dst)+len(",")+len(event)+len("]}") > bytesMax {
			break
		}
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, event...)
	}
	return append(dst, "]}"...), n
}

func (e *entry) encode() []byte {
	event, _ := json.Marshal(notificationMessage{ // nothing but strings
		head: head{e.Type, e.id.String(), stamp(e.Time)},
		SID:  e.SID, User: e.User, Namespace: e.Namespace, Room: e.Room, Reason: e.Reason,
	})
	return event
}
