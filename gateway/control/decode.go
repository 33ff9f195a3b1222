package control

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// This file takes the JSON of requests apart. encoding/json would let pass what a strict API must not: fields that are
// written in another case, or twice, of which the last one wins, and it says less of where a mistake is. It would also
// cost a stream most of its time.

// decoder is a place in the text of one JSON value. Text is UTF-8; what is taken out of it aliases it, except for
// strings. Values that are passed on (raw) are delimited here and validated by the hub.
type decoder struct {
	text []byte
	pos  int
}

// decode takes the one object of a body apart: set is called for each member that fields names, with its index. Members
// that are null are passed over, unless keep names them. The error is an *Error.
func decode(text []byte, fields []string, keep int, set func(d *decoder, field int) *Error) *Error {
	if !utf8.Valid(text) {
		return bad("body_invalid", "", "the body is not UTF-8")
	}
	d := decoder{text: text}
	if d.peek() == 0 && d.pos == len(text) {
		return bad("body_invalid", "", "the body is empty, and has to be a JSON object")
	}
	if err := d.object(fields, keep, set); err != nil {
		return err
	}
	if d.peek(); d.pos < len(text) {
		return d.syntax()
	}
	return nil
}

// object reads an object, as decode does.
func (d *decoder) object(fields []string, keep int, set func(d *decoder, field int) *Error) *Error {
	if d.peek() != '{' {
		return bad("body_invalid", "", "the body has to be a JSON object")
	}
	d.pos++
	if d.peek() == '}' {
		d.pos++
		return nil
	}
	for seen := uint64(0); ; {
		field, err := d.field(fields)
		if err != nil {
			return err
		}
		if seen&(1<<field) != 0 {
			return bad("field_duplicate", fields[field], "the field is there twice")
		}
		seen |= 1 << field
		if d.peek() == 'n' && field != keep {
			err = d.literal("null")
		} else {
			err = set(d, field)
		}
		if err != nil {
			return err
		}
		switch d.peek() {
		case ',':
			d.pos++
		case '}':
			d.pos++
			return nil
		default:
			return d.syntax()
		}
	}
}

// field reads the name of a member and the colon behind it.
func (d *decoder) field(fields []string) (int, *Error) {
	if d.peek() != '"' {
		return 0, d.syntax()
	}
	name, err := d.quoted()
	if err != nil {
		return 0, err
	}
	if d.peek() != ':' {
		return 0, d.syntax()
	}
	d.pos++
	for i, f := range fields {
		if string(name) == f {
			return i, nil
		}
	}
	return 0, bad("field_unknown", clip(string(name)), "there is no such field here; there are %s", list(fields))
}

// list joins the names of fields for a message.
func list(fields []string) string {
	var b bytes.Buffer
	for i, f := range fields {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f)
	}
	return b.String()
}

// clip bounds what of a request's own words is said back to it.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// str reads a string.
func (d *decoder) str(field string) (string, *Error) {
	if d.peek() != '"' {
		return "", bad("field_invalid", field, "this has to be a string")
	}
	b, err := d.quoted()
	return string(b), err
}

// boolean reads true or false.
func (d *decoder) boolean(field string) (bool, *Error) {
	switch d.peek() {
	case 't':
		return true, d.literal("true")
	case 'f':
		return false, d.literal("false")
	}
	return false, bad("field_invalid", field, "this has to be true or false")
}

// names reads one string, or an array of at most max of them, onto dst.
func (d *decoder) names(dst []string, field string, max int) ([]string, *Error) {
	switch d.peek() {
	case '"':
		s, err := d.str(field)
		return append(dst, s), err
	case '[':
		err := d.array(field, max, func(i int) *Error {
			if d.peek() != '"' {
				return bad("field_invalid", at(field, i), "this has to be a string")
			}
			b, err := d.quoted()
			dst = append(dst, string(b))
			return err
		})
		return dst, err
	}
	return dst, bad("field_invalid", field, "this has to be a string or an array of strings")
}

// at names an element.
func at(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

// array reads an array of at most max elements, each by element.
func (d *decoder) array(field string, max int, element func(i int) *Error) *Error {
	if d.peek() != '[' {
		return bad("field_invalid", field, "this has to be an array")
	}
	d.pos++
	if d.peek() == ']' {
		d.pos++
		return nil
	}
	for i := 0; ; i++ {
		if i == max {
			return bad("field_too_long", field, "at most %d of them", max)
		}
		if err := element(i); err != nil {
			return err
		}
		switch d.peek() {
		case ',':
			d.pos++
		case ']':
			d.pos++
			return nil
		default:
			return d.syntax()
		}
	}
}

// raw delimits a value of any kind, and does not validate what is inside of it.
func (d *decoder) raw() (json.RawMessage, *Error) {
	first := d.peek()
	start := d.pos
	depth := 0
	for d.pos < len(d.text) {
		switch c := d.text[d.pos]; c {
		case '"':
			if !d.pass() {
				return nil, d.syntax()
			}
			if depth == 0 {
				return d.text[start:d.pos:d.pos], nil
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				d.pos++
				return d.text[start:d.pos:d.pos], nil
			}
		}
		if depth <= 0 { // a number or a literal, which goes on to what ends a value
			return d.scalar(start, first)
		}
		d.pos++
	}
	return nil, d.syntax()
}

// scalar delimits what is neither a string nor a container.
func (d *decoder) scalar(start int, first byte) (json.RawMessage, *Error) {
	d.pos = start
	for d.pos < len(d.text) && !ends(d.text[d.pos]) {
		d.pos++
	}
	if d.pos == start || first == 0 {
		return nil, d.syntax()
	}
	return d.text[start:d.pos:d.pos], nil
}

// ends tells what cannot be part of a number or a literal.
func ends(c byte) bool {
	return c <= ' ' || c == ',' || c == ']' || c == '}' || c == '"' || c == '[' || c == '{' || c == ':'
}

// pass goes behind the string that begins at pos.
func (d *decoder) pass() bool {
	for i := d.pos + 1; i < len(d.text); i++ {
		switch d.text[i] {
		case '\\':
			i++
		case '"':
			d.pos = i + 1
			return true
		}
	}
	d.pos = len(d.text)
	return false
}

// quoted reads the string that begins at pos. What it returns aliases the text if it can.
func (d *decoder) quoted() ([]byte, *Error) {
	start := d.pos
	for i := start + 1; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == '"':
			d.pos = i + 1
			return d.text[start+1 : i], nil
		case c == '\\':
			return d.unescaped(start)
		case c < ' ':
			d.pos = i
			return nil, d.syntax()
		}
	}
	d.pos = len(d.text)
	return nil, d.syntax()
}

// unescaped reads a string that has escapes.
func (d *decoder) unescaped(start int) ([]byte, *Error) {
	if !d.pass() {
		return nil, d.syntax()
	}
	var s string
	if err := json.Unmarshal(d.text[start:d.pos], &s); err != nil {
		d.pos = start
		return nil, d.syntax()
	}
	return []byte(s), nil
}

// literal reads a word.
func (d *decoder) literal(word string) *Error {
	if !bytes.HasPrefix(d.text[d.pos:], []byte(word)) {
		return d.syntax()
	}
	d.pos += len(word)
	return nil
}

// peek returns the byte at the place, behind white space, and 0 at the end.
func (d *decoder) peek() byte {
	for d.pos < len(d.text) {
		switch c := d.text[d.pos]; c {
		case ' ', '\n', '\t', '\r':
			d.pos++
		default:
			return c
		}
	}
	return 0
}

func (d *decoder) syntax() *Error {
	return bad("body_invalid", "", "the body is no JSON: see byte %d", d.pos)
}
