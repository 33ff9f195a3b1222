package scenario

import (
	"bytes"
	"encoding/json"
	"strings"
)

// reply is what the control API says of one message.
type reply struct {
	status  int // 0 if it is not in it
	matched int // sockets that were meant; below 0 if it is not in it
	dropped int // of those, who did not keep up
}

// parseReply reads a reply: {"status":200,"id":"…","matched":3,"queued":3,"dropped":0}. ok is false if it does not say how many
// sockets were meant.
func parseReply(text []byte) (r reply, ok bool) {
	r, ok = scanReply(text)
	if !ok {
		r = slowReply(text)
	}
	return r, r.matched >= 0
}

// noReply says nothing.
var noReply = reply{matched: -1}

// field is a number by its name, nil if it is not one that matters.
func (r *reply) field(name []byte) *int {
	switch string(name) {
	case "status":
		return &r.status
	case "matched":
		return &r.matched
	case "dropped":
		return &r.dropped
	}
	return nil
}

// slowReply reads any JSON.
func slowReply(text []byte) (r reply) {
	r = noReply
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return noReply
	}
	for name, value := range fields {
		if to, n := r.field([]byte(name)), 0; to != nil && json.Unmarshal(value, &n) == nil && string(value) != "null" {
			*to = n
		}
	}
	return r
}

// scanReply reads an object of numbers and short plain strings, without spaces, as servers write it; ok is false for any other.
func scanReply(text []byte) (r reply, ok bool) {
	r = noReply
	rest, isObject := bytes.CutPrefix(text, []byte("{"))
	for isObject {
		name, after, ok := scanString(rest)
		if !ok || len(after) < 2 || after[0] != ':' {
			break
		}
		to := r.field(name)
		n, after, isNumber := scanNumber(after[1:])
		if !isNumber {
			_, after, ok = scanString(after)
		}
		switch {
		case !ok || !isNumber && to != nil:
			return noReply, false
		case to != nil:
			*to = n
		}
		switch {
		case string(after) == "}":
			return r, true
		case len(after) > 0 && after[0] == ',':
			rest = after[1:]
		default:
			return noReply, false
		}
	}
	return noReply, false
}

// scanString takes a string that needs no escape off the front.
func scanString(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, false
	}
	for i, c := range b[1:] {
		switch {
		case c == '"':
			return b[1 : i+1], b[i+2:], true
		case c < ' ' || c == '\\' || c > '~':
			return nil, b, false
		}
	}
	return nil, b, false
}

// digitsMax is how many an int of any size holds.
const digitsMax = 9

// scanNumber takes a number that is not negative, and no fraction, off the front.
func scanNumber(b []byte) (n int, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && i < digitsMax && b[i] >= '0' && b[i] <= '9'; i++ {
		n = n*10 + int(b[i]-'0')
	}
	if i == 0 || i > 1 && b[0] == '0' {
		return 0, b, false
	}
	return n, b[i:], true
}

// failureOf is what an object with the field "error" says went wrong: the code and the message of that, or all of it.
func failureOf(object []byte) string {
	var f struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(object, &f) != nil || f.Error == nil {
		return clip(object)
	}
	var e struct{ Code, Message string }
	var text string
	switch {
	case json.Unmarshal(f.Error, &e) == nil && e.Code != "":
		return clip([]byte(strings.TrimSuffix(e.Code+": "+e.Message, ": ")))
	case json.Unmarshal(f.Error, &text) == nil && text != "":
		return clip([]byte(text))
	default:
		return clip(f.Error)
	}
}

// clipBytesMax is how much of what a server says goes into a report.
const clipBytesMax = 200

func clip(text []byte) string {
	if len(text) > clipBytesMax {
		text = append(text[:clipBytesMax:clipBytesMax], "…"...)
	}
	return strings.ToValidUTF8(string(text), "�")
}
