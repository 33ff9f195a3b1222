package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// The text of a packet, without and with attachments: type, count, namespace, id, payload.
var (
	plainPacket  = regexp.MustCompile(`(?s)^([0-4])()(?:(/[^,]*)(?:,|$))?([0-9]*)(.*)$`)
	binaryPacket = regexp.MustCompile(`(?s)^([56])([0-9]+)-(?:(/[^,]*)(?:,|$))?([0-9]*)(.*)$`)
)

// errSlow is the one error of the twins: which rule comes first is Parse's own.
var errSlow = errors.New("not a packet")

// slowParse is the obvious twin of Parse under the default limits: two expressions
// for the header, and encoding/json for the payload.
func slowParse(text []byte) (Packet, error) {
	parts := plainPacket.FindSubmatch(text)
	if parts == nil {
		parts = binaryPacket.FindSubmatch(text)
	}
	if parts == nil {
		return Packet{}, errSlow
	}
	p := Packet{Type: Type(parts[1][0] - '0'), Namespace: []byte("/")}
	if digits := parts[2]; len(digits) > 0 {
		n, err := strconv.Atoi(string(digits))
		if err != nil || n < 1 || n > 10 {
			return Packet{}, errSlow
		}
		p.Attachments = n
	}
	if name := parts[3]; name != nil {
		if len(name) > 255 || bytes.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			return Packet{}, errSlow
		}
		p.Namespace = name
	}
	if digits := parts[4]; len(digits) > 0 {
		id, err := strconv.ParseUint(string(digits), 10, 64)
		if err != nil || len(digits) > 16 || id > 1<<53-1 {
			return Packet{}, errSlow
		}
		p.HasID, p.ID = true, id
	}
	if !slowPayload(p.Type, parts[5]) {
		return Packet{}, errSlow
	}
	if len(parts[5]) > 0 {
		p.Data = bytes.Trim(parts[5], " \t\r\n")
	}
	return p, nil
}

// slowPayload judges a payload by what encoding/json makes of it.
func slowPayload(t Type, text []byte) bool {
	if len(text) == 0 {
		return t == Connect || t == Disconnect || t == Ack
	}
	if !slowValid(text) || slowDepth(text) > 512 {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if d.Decode(&value) != nil {
		return false
	}
	switch value := value.(type) {
	case map[string]any:
		return t == Connect || t == ConnectError
	case string:
		return t == ConnectError
	case []any:
		return t == Ack || t == BinaryAck || (t == Event || t == BinaryEvent) && slowNames(value)
	}
	return false
}

// slowNames tells whether an array begins with what may be the name of an event.
func slowNames(array []any) bool {
	if len(array) == 0 {
		return false
	}
	switch name := array[0].(type) {
	case json.Number:
		return true
	case string:
		const reserved = " connect connect_error disconnect disconnecting newListener removeListener "
		return strings.Contains(name, " ") || name == "" || !strings.Contains(reserved, " "+name+" ")
	}
	return false
}

// slowDepth is how deep the tokens of a valid text are nested.
func slowDepth(text []byte) (deepest int) {
	d := json.NewDecoder(bytes.NewReader(text))
	for depth := 0; ; {
		switch token, err := d.Token(); {
		case err != nil:
			return deepest
		case token == json.Delim('[') || token == json.Delim('{'):
			depth++
		case token == json.Delim(']') || token == json.Delim('}'):
			depth--
		}
		deepest = max(deepest, depth)
	}
}
