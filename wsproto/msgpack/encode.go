package msgpack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"starling/wsproto/socketio"
)

// encoder writes values at the end of dst. It may nest them to depth yet.
type encoder struct {
	dst   []byte
	depth int
}

func (e *encoder) values(values []any) error {
	e.dst = appendArrayHead(e.dst, len(values))
	for _, v := range values {
		if err := e.value(v); err != nil {
			return err
		}
	}
	return nil
}

// value appends any value. Those that events are made of are written here, without
// reflection; all others are first made JSON.
func (e *encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.dst = append(e.dst, codeNil)
	case string:
		e.dst = appendString(e.dst, v)
	case bool:
		e.dst = appendBool(e.dst, v)
	case float64:
		e.dst = appendFloat(e.dst, v)
	case float32:
		e.dst = appendFloat(e.dst, decimal(v))
	case []byte:
		e.bytes(v)
	case time.Time:
		return e.time(v)
	case json.RawMessage:
		if v == nil {
			e.dst = append(e.dst, codeNil)
			return nil
		}
		return e.json(v)
	case []any:
		return e.array(v)
	case map[string]any:
		return e.object(v)
	default:
		return e.other(v)
	}
	return nil
}

// other appends an integer, or whatever has to be made JSON first.
func (e *encoder) other(v any) error {
	switch v := v.(type) {
	case int:
		e.dst = appendInt(e.dst, int64(v))
	case int64:
		e.dst = appendInt(e.dst, v)
	case int32:
		e.dst = appendInt(e.dst, int64(v))
	case int16:
		e.dst = appendInt(e.dst, int64(v))
	case int8:
		e.dst = appendInt(e.dst, int64(v))
	case uint:
		e.dst = appendUint(e.dst, uint64(v))
	case uint64:
		e.dst = appendUint(e.dst, v)
	case uint32:
		e.dst = appendUint(e.dst, uint64(v))
	case uint16:
		e.dst = appendUint(e.dst, uint64(v))
	case uint8:
		e.dst = appendUint(e.dst, uint64(v))
	default:
		return e.json(v)
	}
	return nil
}

func (e *encoder) bytes(b []byte) {
	if b == nil {
		e.dst = append(e.dst, codeNil)
		return
	}
	e.dst = appendBinary(e.dst, b)
}

func (e *encoder) time(t time.Time) error {
	out, ok := appendDate(e.dst, t)
	if !ok {
		return fmt.Errorf("%w: JavaScript has no Date for second %d", socketio.ErrEncode, t.Unix())
	}
	e.dst = out
	return nil
}

func (e *encoder) array(values []any) error {
	if values == nil {
		e.dst = append(e.dst, codeNil)
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	defer e.leave()
	return e.values(values)
}

// object appends the members in the order of their names, so that equal maps give equal
// bytes.
func (e *encoder) object(members map[string]any) error {
	if members == nil {
		e.dst = append(e.dst, codeNil)
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	defer e.leave()
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	e.dst = appendMapHead(e.dst, len(members))
	for _, name := range names {
		e.dst = appendString(e.dst, name)
		if err := e.value(members[name]); err != nil {
			return err
		}
	}
	return nil
}

// enter bounds the recursion: a map may contain itself.
func (e *encoder) enter() error {
	if e.depth == 0 {
		return errTooDeep
	}
	e.depth--
	return nil
}

func (e *encoder) leave() { e.depth++ }

var errTooDeep = fmt.Errorf("%w: nested too deep", socketio.ErrEncode)

// json appends a value by way of its JSON, of which package socketio sees to it that it
// is strict, also if a Marshaler or a Raw has written it.
func (e *encoder) json(v any) error {
	text, _, err := socketio.AppendAck(make([]byte, 0, jsonBytes), "", 0, []any{v})
	if err != nil {
		return err
	}
	out, ok := appendFromJSON(e.dst, text[len(ackHead):len(text)-1], e.depth)
	if !ok {
		return errTooDeep
	}
	e.dst = out
	return nil
}

// jsonBytes is the room that JSON begins with, enough for an ordinary value's.
const jsonBytes = 256

// ackHead is what stands before the value of an ACK in the standard format.
const ackHead = "30["

// decimal returns the float64 that prints like f, which is what the standard format
// sends: 0.1 for a float32 of 0.1.
func decimal(f float32) float64 {
	d, _ := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	return d
}
