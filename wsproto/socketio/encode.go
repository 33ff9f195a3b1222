package socketio

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// writer writes one packet at the end of dst. The values that events are made of
// are written here, without reflection; all others go through sonic.
type writer struct {
	dst         []byte
	attachments bool     // a []byte becomes an attachment, else a base64 string
	buffers     [][]byte // the attachments found, aliasing the caller's values
	depth       int
}

// list appends an array of one optional event name and the arguments.
func (w *writer) list(event *string, args []any) error {
	w.dst = append(w.dst, '[')
	if event != nil {
		w.dst = appendString(w.dst, *event)
		if len(args) > 0 {
			w.dst = append(w.dst, ',')
		}
	}
	if err := w.elements(args); err != nil {
		return err
	}
	w.dst = append(w.dst, ']')
	return nil
}

func (w *writer) elements(values []any) error {
	for i, v := range values {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		if err := w.value(v); err != nil {
			return err
		}
	}
	return nil
}

// value appends any value.
func (w *writer) value(v any) error {
	switch v := v.(type) {
	case nil:
		w.dst = append(w.dst, "null"...)
	case string:
		w.dst = appendString(w.dst, v)
	case bool:
		w.dst = strconv.AppendBool(w.dst, v)
	case float64:
		return w.float(v, 64)
	case float32:
		return w.float(float64(v), 32)
	case json.RawMessage:
		return w.raw(v)
	case []byte:
		w.bytes(v)
	case []any:
		return w.array(v)
	case map[string]any:
		return w.object(v)
	default:
		if n, ok := asInt(v); ok {
			w.dst = strconv.AppendInt(w.dst, n, 10)
			return nil
		}
		return w.reflected(v)
	}
	return nil
}

// asInt gathers the integer types that fit an int64; the two that may not, uint64
// and uint, do when they are small.
func asInt(v any) (n int64, ok bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case int32:
		return int64(v), true
	case int16:
		return int64(v), true
	case int8:
		return int64(v), true
	case uint:
		return int64(v), v <= math.MaxInt64
	case uint64:
		return int64(v), v <= math.MaxInt64
	case uint32:
		return int64(v), true
	case uint16:
		return int64(v), true
	case uint8:
		return int64(v), true
	}
	return 0, false
}

// float appends a number as JSON.stringify prints it, except that NaN and the
// infinities, which become null there without anyone being told, are an error.
func (w *writer) float(f float64, bits int) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("%w: %v is no JSON number", ErrEncode, f)
	}
	w.dst = appendNumber(w.dst, f, bits)
	return nil
}

// raw appends JSON that somebody else encoded, after checking that it is JSON.
func (w *writer) raw(text []byte) error {
	if text == nil {
		w.dst = append(w.dst, "null"...)
		return nil
	}
	if !utf8.Valid(text) {
		return ErrRaw
	}
	_, spaced, err := validateJSON(text)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrRaw, err)
	case spaced:
		w.dst = appendCompact(w.dst, text)
	default:
		w.dst = append(w.dst, text...)
	}
	return nil
}

// bytes appends a placeholder and notes the attachment (Socket.IO v5: placeholders
// are numbered in the order in which they appear).
func (w *writer) bytes(b []byte) {
	switch {
	case b == nil:
		w.dst = append(w.dst, "null"...)
	case !w.attachments:
		w.dst = appendBase64String(w.dst, b)
	default:
		w.dst = append(w.dst, `{"_placeholder":true,"num":`...)
		w.dst = strconv.AppendInt(w.dst, int64(len(w.buffers)), 10)
		w.dst = append(w.dst, '}')
		w.buffers = append(w.buffers, b)
	}
}

func (w *writer) array(values []any) error {
	if values == nil {
		w.dst = append(w.dst, "null"...)
		return nil
	}
	if err := w.enter(); err != nil {
		return err
	}
	defer w.leave()
	return w.list(nil, values)
}

// object appends the members in the order of their names, so that equal maps give
// equal bytes.
func (w *writer) object(members map[string]any) error {
	if members == nil {
		w.dst = append(w.dst, "null"...)
		return nil
	}
	if err := w.enter(); err != nil {
		return err
	}
	defer w.leave()
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	w.dst = append(w.dst, '{')
	for i, name := range names {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(appendString(w.dst, name), ':')
		if err := w.value(members[name]); err != nil {
			return err
		}
	}
	w.dst = append(w.dst, '}')
	return nil
}

// enter bounds the recursion: a map may contain itself.
func (w *writer) enter() error {
	if w.depth == JSONDepthMax {
		return fmt.Errorf("%w: nested too deep", ErrEncode)
	}
	w.depth++
	return nil
}

func (w *writer) leave() { w.depth-- }

// reflected appends a value of any other type as encoding/json would, and checks
// what came out, because a Marshaler writes what it likes.
func (w *writer) reflected(v any) error {
	start := len(w.dst)
	out, err := appendMarshal(w.dst, v)
	if err != nil {
		return fmt.Errorf("%w: %T: %w", ErrEncode, v, err)
	}
	text := out[start:]
	_, spaced, err := validateJSON(text)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %T: %w", ErrEncode, v, err)
	case !utf8.Valid(text):
		return fmt.Errorf("%w: %T: not UTF-8", ErrEncode, v)
	case spaced:
		out = append(out[:start], appendCompact(nil, text)...)
	}
	w.dst = out
	return nil
}
