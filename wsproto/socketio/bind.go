package socketio

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Raw is JSON that is encoded already: an argument to relay as it came, or one to
// take as it is. Written, it is checked to be strict JSON and compacted if it has
// white space; nil is null.
type Raw = json.RawMessage

// Bind decodes one argument into the variable that v points to. elem is an element
// of a packet's Args and buffers are that packet's Buffers; neither is kept or
// written to, with the one exception named below.
//
// Attachments go to where their placeholders stand:
//   - A *[]byte gets the attachment itself, not a copy: it shares the memory of
//     buffers, which a Decoder has handed over to its caller. Two binds of one
//     argument share it too. A string of base64 is accepted as well.
//   - In a *any, *map[string]any or *[]any each placeholder becomes such a []byte,
//     at any depth. The variable is replaced, never merged into.
//   - A *Raw gets a copy of the text, with base64 strings for the placeholders.
//   - Any other type is decoded as from base64 strings, so []byte fields receive
//     attachments as fresh memory.
//
// Numbers in an any are float64. Everything is as in encoding/json otherwise:
// unknown members are ignored, missing ones leave their field alone.
//
// The error is ErrBindTarget when v is not a pointer to anything, ErrPlaceholder for
// a placeholder without attachment, and otherwise wraps ErrBind; *v may be half
// filled then. Bind must not be used with pointers inside an interface that v
// points to, which the decoder underneath is known to handle badly; an any itself
// is safe, because Bind fills a fresh one.
func Bind(elem []byte, buffers [][]byte, v any) error {
	if target := reflect.ValueOf(v); target.Kind() != reflect.Pointer || target.IsNil() {
		return ErrBindTarget
	}
	if len(elem) == 0 {
		return fmt.Errorf("%w a %T: there is no such argument", ErrBind, v)
	}
	switch target := v.(type) {
	case *string:
		return bindString(elem, target)
	case *[]byte:
		return bindBytes(elem, buffers, target)
	case *Raw:
		return bindRaw(elem, buffers, target)
	case *any:
		return bindDynamic(elem, buffers, target)
	case *map[string]any:
		return bindDynamic(elem, buffers, target)
	case *[]any:
		return bindDynamic(elem, buffers, target)
	}
	return bindTyped(elem, buffers, v)
}

// bindTyped decodes into any concrete type.
func bindTyped(elem []byte, buffers [][]byte, v any) error {
	text, err := inlineAttachments(elem, buffers)
	if err != nil {
		return err
	}
	if err := unmarshal(text, v); err != nil {
		return fmt.Errorf("%w a %T: %w", ErrBind, v, err)
	}
	return nil
}

// bindString is the common case, at one allocation instead of three.
func bindString(elem []byte, target *string) error {
	if len(elem) < 2 || elem[0] != '"' {
		return bindTyped(elem, nil, target)
	}
	text := unquote(elem)
	if text == nil {
		return bindTyped(elem, nil, target)
	}
	*target = string(text)
	return nil
}

func bindBytes(elem []byte, buffers [][]byte, target *[]byte) error {
	if len(buffers) > 0 && elem[0] == '{' {
		p, ok := matchPlaceholder(elem, 0)
		if !ok || p.end != len(elem) || p.num >= len(buffers) {
			return ErrPlaceholder
		}
		*target = buffers[p.num]
		return nil
	}
	return bindTyped(elem, nil, target)
}

// bindRaw checks elem although a packet's is checked already: a Raw is passed on, and
// nothing that decodes stands between it and its next reader.
func bindRaw(elem []byte, buffers [][]byte, target *Raw) error {
	if _, _, err := validateJSON(elem); err != nil {
		return fmt.Errorf("%w a %T: %w", ErrBind, target, err)
	}
	text, err := inlineAttachments(elem, buffers)
	if err != nil {
		return err
	}
	*target = append(Raw(nil), text...)
	return nil
}

// bindDynamic decodes into a fresh variable, so that no pointer which the caller's
// may hold is ever followed, and then puts the attachments in.
func bindDynamic[T any](elem []byte, buffers [][]byte, target *T) error {
	var fresh T
	if err := bindTyped(elem, nil, &fresh); err != nil {
		return err
	}
	filled := any(fresh)
	if len(buffers) > 0 {
		var err error
		if filled, err = fill(fresh, buffers); err != nil {
			return err
		}
	}
	value, ok := filled.(T)
	if !ok && filled != nil { // a placeholder stood in the place of the whole map
		return fmt.Errorf("%w a %T: it is an attachment", ErrBind, target)
	}
	*target = value
	return nil
}

// fill replaces the placeholders in a decoded tree by their attachments, in place.
// The depth of a parsed packet bounds the recursion.
func fill(v any, buffers [][]byte) (_ any, err error) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v[placeholderKey]; ok {
			return attachmentOf(v, buffers)
		}
		for key, member := range v {
			if v[key], err = fill(member, buffers); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, member := range v {
			if v[i], err = fill(member, buffers); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// attachmentOf returns the attachment that a decoded placeholder stands for.
func attachmentOf(m map[string]any, buffers [][]byte) (any, error) {
	num, ok := m[numKey].(float64)
	if !ok || m[placeholderKey] != true || len(m) != 2 {
		return nil, ErrPlaceholder
	}
	if i := int(num); num >= 0 && num < float64(len(buffers)) && float64(i) == num {
		return buffers[i], nil
	}
	return nil, ErrPlaceholder
}
