package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// claims are what a token says, once its signature is known to be good.
type claims struct {
	user              string
	issuer            string
	audience          []string
	expires           time.Time // zero: never
	notBefore         time.Time // zero: always
	join, rooms, emit []string
	data              json.RawMessage
}

// errNotObject: a JWT's payload is an object, RFC 7519 3.
var errNotObject = errors.New("the claims are a JSON object in UTF-8")

// decodeClaims reads the payload of a token. Names are taken as they are written: "Rooms" is another claim than
// "rooms", and is ignored like all that mean nothing here (RFC 7519 4).
func decodeClaims(payload []byte) (claims, error) {
	all, err := members(payload)
	if err != nil {
		return claims{}, err
	}
	var c claims
	for _, claim := range []struct {
		name   string
		decode func(json.RawMessage) error
	}{
		{"sub", c.decodeUser},
		{"iss", intoString(&c.issuer)},
		{"aud", c.decodeAudience},
		{"exp", intoTime(&c.expires)},
		{"nbf", intoTime(&c.notBefore)},
		{"iat", intoTime(new(time.Time))}, // says how old the token is, and asks for no check (RFC 7519 4.1.6)
		{"join", intoList(&c.join)},
		{"rooms", intoList(&c.rooms)},
		{"emit", intoList(&c.emit)},
		{"data", func(raw json.RawMessage) error { c.data = raw; return nil }},
	} {
		raw, ok := all[claim.name]
		if !ok {
			continue
		}
		if err := claim.decode(raw); err != nil {
			return claims{}, fmt.Errorf("%s: %w", claim.name, err)
		}
	}
	return c, nil
}

// members takes a JSON object apart. A name that is there twice is refused, as RFC 7519 4 allows: others would read
// the other value.
func members(object []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(object) { // RFC 8259 8.1; the decoder would replace what is not, and two names would become one
		return nil, errNotObject
	}
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	all := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errNotObject
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("the claim %q is there twice", name)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, errNotObject
		}
		all[name] = raw
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotObject
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errNotObject
	}
	return all, nil
}

// What a claim has to be. encoding/json would take null for any of them.
var (
	errString   = errors.New("has to be a string")
	errStrings  = errors.New("has to be an array of strings")
	errNoExpiry = errors.New("exp is missing")
	errTime     = errors.New("has to be a time in seconds since 1970; milliseconds are refused")
)

// isKind tells what a JSON value is by the first byte of it.
func isKind(raw json.RawMessage, first ...byte) bool {
	return len(raw) > 0 && slices.Contains(first, raw[0])
}

func (c *claims) decodeUser(raw json.RawMessage) error {
	if err := intoString(&c.user)(raw); err != nil {
		return err
	}
	return CheckUser(c.user) // here, since an empty sub is a mistake, and no sub is anonymous
}

// decodeAudience: one string, or an array of them (RFC 7519 4.1.3).
func (c *claims) decodeAudience(raw json.RawMessage) error {
	if isKind(raw, '[') {
		return intoList(&c.audience)(raw)
	}
	var one string
	err := intoString(&one)(raw)
	c.audience = []string{one}
	return err
}

func intoString(s *string) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		if !isKind(raw, '"') {
			return errString
		}
		return json.Unmarshal(raw, s)
	}
}

func intoList(list *[]string) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var elements []json.RawMessage
		if !isKind(raw, '[') || json.Unmarshal(raw, &elements) != nil {
			return errStrings
		}
		*list = make([]string, len(elements))
		for i, e := range elements {
			if intoString(&(*list)[i])(e) != nil {
				return errStrings
			}
		}
		return nil
	}
}

// intoTime reads a NumericDate, RFC 7519 2: seconds since 1970, which may have a fraction.
func intoTime(t *time.Time) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		seconds, err := strconv.ParseFloat(string(raw), 64)
		if !isKind(raw, '0', '1', '2', '3', '4', '5', '6', '7', '8', '9') || err != nil || seconds > TimeClaimMax {
			return errTime
		}
		whole := int64(seconds)
		*t = time.Unix(whole, int64((seconds-float64(whole))*1e9))
		return nil
	}
}
