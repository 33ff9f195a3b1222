package msgpack

import (
	"fmt"
	"reflect"
	"time"

	"starling/wsproto/socketio"
)

// Bind decodes a value, which is not kept, into the variable that target points to:
//   - A *string gets a string, a *socketio.EventName a string or a number.
//   - A *[]byte gets a copy of binary data. A string of base64 is accepted as well.
//   - A *time.Time gets a Date or a timestamp, in UTC. A string in RFC 3339 is accepted
//     as well.
//   - In a *any, *map[string]any or *[]any binary data is []byte, a Date or timestamp
//     time.Time, a number float64 and undefined nil, at any depth. The variable is
//     replaced, never merged into.
//   - A *socketio.Raw gets the JSON of the value, with base64 strings for binary data.
//   - Any other type is filled from that JSON by socketio.Bind.
//
// The error is socketio.ErrBindTarget when target is not a pointer to anything, and
// otherwise wraps socketio.ErrBind; the variable may be half filled then. A value that
// Parse has not seen is checked like one that it has.
func (Parser) Bind(value []byte, target any) error {
	if v := reflect.ValueOf(target); v.Kind() != reflect.Pointer || v.IsNil() {
		return socketio.ErrBindTarget
	}
	if len(value) == 0 {
		return fmt.Errorf("%w a %T: there is no such argument", socketio.ErrBind, target)
	}
	rest, err := check(value, DepthMax)
	if err == nil && len(rest) > 0 {
		err = ErrTrailing
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w a %T: %w", socketio.ErrBind, target, err)
	case bindDirectly(value, target):
		return nil
	}
	text, _ := appendJSON(make([]byte, 0, len(value)+len(value)/4+jsonExtraBytes), value)
	if raw, ok := target.(*socketio.Raw); ok {
		*raw = text
		return nil
	}
	return socketio.Bind(text, nil, target)
}

// jsonExtraBytes is the room for what JSON has besides, above all its punctuation, which
// does not grow with the strings.
const jsonExtraBytes = 32

// bindDirectly decodes a checked value that fits its target as it is. It is false for
// all others, which are to go by way of their JSON.
func bindDirectly(value []byte, target any) bool {
	h, body, _ := cutHead(value)
	switch target := target.(type) {
	case *any:
		*target, _ = decode(value)
		return true
	case *map[string]any:
		return assign(target, h.kind == kindMap, value)
	case *[]any:
		return assign(target, h.kind == kindArray || h.kind == kindExt, value)
	case *[]byte:
		return assign(target, h.kind == kindBinary || h.kind == kindExt, value)
	case *time.Time:
		return assign(target, h.kind == kindExt, value)
	case *bool:
		return assign(target, h.kind == kindBool, value)
	case *string:
		return assign(target, h.kind == kindString, value)
	case *socketio.EventName:
		return bindName(h, body, target)
	case *float64:
		if h.isNumber() {
			*target = numberOf(h, body).asFloat()
		}
		return h.isNumber()
	case *int:
		return bindInt(h, body, target)
	case *int64:
		return bindInt(h, body, target)
	}
	return false
}

// assign decodes a value of a kind that may be a T into the variable, if it is one.
func assign[T any](target *T, may bool, value []byte) bool {
	if !may {
		return false
	}
	v, _ := decode(value)
	t, ok := v.(T)
	if ok {
		*target = t
	}
	return ok
}

func bindName(h head, body []byte, target *socketio.EventName) bool {
	switch {
	case h.kind == kindString:
		*target = socketio.EventName(body[:h.n])
	case h.isNumber():
		*target = socketio.EventName(numberOf(h, body).text())
	default:
		return false
	}
	return true
}

// bindInt leaves it to the JSON to say what does not fit.
func bindInt[T int | int64](h head, body []byte, target *T) bool {
	if !h.isNumber() {
		return false
	}
	n, ok := numberOf(h, body).asInt()
	if !ok || int64(T(n)) != n {
		return false
	}
	*target = T(n)
	return true
}

func (h head) isNumber() bool {
	return h.kind == kindInt || h.kind == kindUint || h.kind == kindFloat
}

// decode returns the value that b, which is checked, begins with, in memory of its own,
// and what follows it.
func decode(b []byte) (v any, rest []byte) {
	h, body, _ := cutHead(b)
	rest = body[h.bytes():]
	switch h.kind {
	case kindBool:
		return h.code == codeTrue, rest
	case kindInt, kindUint, kindFloat:
		return numberOf(h, body).asFloat(), rest
	case kindString:
		return string(body[:h.n]), rest
	case kindBinary:
		return cloned(body[:h.n]), rest
	case kindExt:
		return decodeExt(h, body[:h.n]), rest
	case kindArray:
		return decodeArray(h.n, body)
	case kindMap:
		return decodeMap(h.n, body)
	}
	return nil, rest
}

// decodeArray makes room for what is announced: check has seen it all.
func decodeArray(n int, b []byte) (v any, rest []byte) {
	values := make([]any, n)
	for i := range values {
		values[i], b = decode(b)
	}
	return values, b
}

func decodeMap(n int, b []byte) (v any, rest []byte) {
	members := make(map[string]any, n)
	for range n {
		var key string
		key, b = decodeKey(b)
		members[key], b = decode(b)
	}
	return members, b
}

// decodeKey returns a key, an integer as the string of its digits.
func decodeKey(b []byte) (key string, rest []byte) {
	h, body, _ := cutHead(b)
	if h.kind == kindString {
		return string(body[:h.n]), body[h.n:]
	}
	return string(numberOf(h, body).appendJSON(nil)), body[h.bytes():]
}

func decodeExt(h head, body []byte) any {
	switch e := h.extension(); e {
	case extUndefined:
		return nil
	case extBytes:
		return cloned(body)
	case extDate, extTimestamp:
		return timeOf(e, body)
	}
	return []any{float64(h.ext), cloned(body)}
}

// cloned copies b into memory of its own; no bytes are an empty slice, not nil.
func cloned(b []byte) []byte {
	return append(make([]byte, 0, len(b)), b...)
}
