package engineio

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// ErrHandshake says that the data of an open packet is not a usable handshake.
var ErrHandshake = errors.New("engineio: bad open handshake")

// Handshake is what the server tells in its open packet.
type Handshake struct {
	SID          string        // the session id, a secret of this client
	Upgrades     []string      // transports that the client may upgrade to
	PingInterval time.Duration // sent in milliseconds
	PingTimeout  time.Duration // sent in milliseconds
	MaxPayload   int           // bytes of a message or polling body that the server accepts
}

// AppendOpen appends the open packet, its digit included. The keys come in the
// order of the reference server, because some clients search the text instead of
// parsing it.
func AppendOpen(dst []byte, h Handshake) []byte {
	dst = append(dst, byte(Open))
	dst = append(dst, `{"sid":`...)
	dst = appendString(dst, h.SID)
	dst = append(dst, `,"upgrades":[`...)
	for i, name := range h.Upgrades {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, name)
	}
	dst = append(dst, `],"pingInterval":`...)
	dst = strconv.AppendInt(dst, h.PingInterval.Milliseconds(), 10)
	dst = append(dst, `,"pingTimeout":`...)
	dst = strconv.AppendInt(dst, h.PingTimeout.Milliseconds(), 10)
	dst = append(dst, `,"maxPayload":`...)
	dst = strconv.AppendInt(dst, int64(h.MaxPayload), 10)
	return append(dst, '}')
}

// openData is the JSON of an open packet as a client reads it.
type openData struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"`
	PingTimeout  int64    `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

// ParseOpen reads the Data of an open packet, for clients. The result owns its
// memory. It wants a session id and intervals between a millisecond and a day,
// without which a client cannot keep the session alive (Engine.IO v4 handshake);
// unknown keys are ignored.
func ParseOpen(data []byte) (Handshake, error) {
	var d openData
	if err := json.Unmarshal(data, &d); err != nil {
		return Handshake{}, ErrHandshake
	}
	if d.SID == "" || d.MaxPayload < 0 || !usableMillis(d.PingInterval) || !usableMillis(d.PingTimeout) {
		return Handshake{}, ErrHandshake
	}
	return Handshake{
		SID:          d.SID,
		Upgrades:     d.Upgrades,
		PingInterval: time.Duration(d.PingInterval) * time.Millisecond,
		PingTimeout:  time.Duration(d.PingTimeout) * time.Millisecond,
		MaxPayload:   d.MaxPayload,
	}, nil
}

func usableMillis(ms int64) bool {
	return ms >= 1 && ms <= handshakeMillisMax
}

// appendString appends s as a JSON string. The ids and names that occur need no
// escapes and take the first return; the slow one exists so that no message chosen
// by an application can break out of its quotes.
func appendString(dst []byte, s string) []byte {
	if plain(s) {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string written to memory has no way to fail
	return append(dst, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

// plain says that s is printable ASCII without quote and backslash.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
