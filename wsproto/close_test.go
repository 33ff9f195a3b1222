package wsproto

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// closeRows are bodies of close frames, and what a server echoes.
var closeRows = []struct {
	name   string
	body   string
	code   CloseCode
	reason string
	err    error
	echo   string
}{
	{name: "empty", body: "", code: CloseNone, echo: "88 00"},
	{name: "one byte", body: "03", err: ErrCloseBodyShort, echo: "88 02 03ea"},
	{name: "code alone", body: "03e8", code: CloseNormal, echo: "88 02 03e8"},
	{name: "code and reason", body: "03e9 'bye'", code: CloseGoingAway, reason: "bye", echo: "88 02 03e9"},
	{name: "reason of two runes", body: "0bb8 c3a4 e282ac", code: 3000, reason: "ä€", echo: "88 02 0bb8"},
	{name: "longest reason", body: "0fa0 61*123", code: 4000, reason: strings.Repeat("a", 123), echo: "88 02 0fa0"},
	{name: "bad reason", body: "03e8 ff", err: ErrCloseReasonNotUTF8, echo: "88 02 03ef"},
	{name: "reason that is cut", body: "03e8 e282", err: ErrCloseReasonNotUTF8, echo: "88 02 03ef"},
	{name: "bad code and bad reason", body: "03ee ff", err: ErrCloseCode, echo: "88 02 03ea"},

	{name: "0", body: "0000", err: ErrCloseCode, echo: "88 02 03ea"},
	{name: "999", body: "03e7", err: ErrCloseCode, echo: "88 02 03ea"},
	{name: "1002", body: "03ea", code: CloseProtocolError, echo: "88 02 03ea"},
	{name: "1003", body: "03eb", code: CloseUnsupported, echo: "88 02 03eb"},
	{name: "1004, of no meaning yet", body: "03ec", err: ErrCloseCode, echo: "88 02 03ea"},
	{name: "1005, of an empty body", body: "03ed", err: ErrCloseCode, echo: "88 02 03ea"},
	{name: "1006, of no close frame", body: "03ee", err: ErrCloseCode, echo: "88 02 03ea"},
	{name: "1007", body: "03ef", code: CloseInvalidPayload, echo: "88 02 03ef"},
	{name: "1008", body: "03f0", code: ClosePolicy, echo: "88 02 03f0"},
	{name: "1009", body: "03f1", code: CloseTooBig, echo: "88 02 03f1"},
	{name: "1010, of a missing extension", body: "03f2", code: 1010, echo: "88 02 03f2"},
	{name: "1011", body: "03f3", code: CloseInternal, echo: "88 02 03f3"},
	{name: "1012, of a restart", body: "03f4", code: 1012, echo: "88 02 03f4"},
	{name: "1014, of a gateway", body: "03f6", code: 1014, echo: "88 02 03f6"},
	{name: "1015, of a TLS handshake", body: "03f7", err: ErrCloseCode, echo: "88 02 03ea"},
	{name: "1016", body: "03f8", err: ErrCloseCode, echo: "88 02 03ea"},
	{name: "2999", body: "0bb7", err: ErrCloseCode, echo: "88 02 03ea"},
	{name: "3000", body: "0bb8", code: 3000, echo: "88 02 0bb8"},
	{name: "4999", body: "1387", code: 4999, echo: "88 02 1387"},
	{name: "5000", body: "1388", err: ErrCloseCode, echo: "88 02 03ea"},
	{name: "65535", body: "ffff", err: ErrCloseCode, echo: "88 02 03ea"},
}

func TestParseClose(t *testing.T) {
	for _, row := range closeRows {
		t.Run(row.name, func(t *testing.T) {
			code, reason, err := ParseClose(wire(row.body))
			if code != row.code || string(reason) != row.reason || err != row.err {
				t.Errorf("got %d, %q, %v; want %d, %q, %v", code, reason, err, row.code, row.reason, row.err)
			}
			if got, want := EchoClose([]byte("before "), wire(row.body)), wire("'before' 20 "+row.echo); !bytes.Equal(got, want) {
				t.Errorf("the echo is % x, want % x", got, want)
			}
		})
	}
}

func TestAppendClose(t *testing.T) {
	for _, row := range []struct {
		name   string
		code   CloseCode
		reason string
		want   string
	}{
		{"no code", CloseNone, "", "88 00"},
		{"no code, so no reason", CloseNone, "bye", "88 00"},
		{"a code", CloseNormal, "", "88 02 03e8"},
		{"a code and a reason", CloseGoingAway, "bye", "88 05 03e9 'bye'"},
		{"the longest reason", ClosePolicy, strings.Repeat("a", 123), "88 7d 03f0 61*123"},
		{"a reason that is cut", ClosePolicy, strings.Repeat("a", 124), "88 7d 03f0 61*123"},
		{"a reason that is cut behind a rune", 4000, strings.Repeat("a", 120) + "€€", "88 7d 0fa0 61*120 e282ac"},
		{"a reason that is cut before a rune of 2", 4000, strings.Repeat("a", 122) + "ä", "88 7c 0fa0 61*122"},
		{"a reason that is cut before a rune of 3", 4000, strings.Repeat("a", 121) + "€", "88 7b 0fa0 61*121"},
		{"a reason that is cut before a rune of 4", 4000, strings.Repeat("a", 120) + "😀", "88 7a 0fa0 61*120"},
		{"a reason that is not UTF-8", 4000, "a\xffb", "88 07 0fa0 61 efbfbd 62"},
		{"1005 may not travel", 1005, "bye", "88 00"},
		{"1006 may not travel", 1006, "", "88 00"},
		{"1015 may not travel", 1015, "", "88 00"},
		{"5000 may not travel", 5000, "", "88 00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := AppendClose([]byte("before "), row.code, row.reason)
			if want := wire("'before' 20 " + row.want); !bytes.Equal(got, want) {
				t.Errorf("got % x, want % x", got, want)
			}
			if body := AppendCloseBody(nil, row.code, row.reason); !bytes.Equal(body, wire(row.want)[2:]) {
				t.Errorf("the body is % x", body)
			}
		})
	}
}

// FuzzParseClose holds ParseClose to ws.CheckCloseFrameData where the two agree,
// and what we send to what we accept.
func FuzzParseClose(f *testing.F) {
	for _, row := range closeRows {
		f.Add(wire(row.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		code, reason, err := ParseClose(body)
		if len(body) >= 2 {
			their, theirReason := ws.ParseCloseFrameData(body)
			wantErr := ws.CheckCloseFrameData(their, theirReason) != nil
			switch {
			case 1012 <= their && their <= 1014: // registered since RFC 6455; ws knows them not
				wantErr = !utf8.ValidString(theirReason)
			case their >= 5000: // of no range in RFC 6455 7.4.2; ws lets them pass
				wantErr = true
			}
			if (err != nil) != wantErr || err == nil && (code != CloseCode(their) || string(reason) != theirReason) {
				t.Errorf("got %d, %q, %v; ws has %d, %q, %v", code, reason, err, their, theirReason, wantErr)
			}
		}
		for name, frame := range map[string][]byte{
			"echo": EchoClose(nil, body), "own": AppendClose(nil, CloseCode(len(body)*40), string(body)),
		} {
			r := NewReader(Client, &testLimits)
			if got, err := feed(t, &r, frame); err != nil || len(got) != 1 {
				t.Errorf("of our %s the peer makes %q, %v", name, got, err)
			}
		}
	})
}

func TestCloseCodeOf(t *testing.T) {
	for _, row := range []struct {
		err  error
		want CloseCode
	}{
		{nil, CloseNormal},
		{ErrMessageTooBig, CloseTooBig},
		{fmt.Errorf("socket 7: %w", ErrTextNotUTF8), CloseInvalidPayload},
		{errors.Join(io.EOF, ErrTooManyFragments), ClosePolicy},
		{io.ErrUnexpectedEOF, CloseInternal},
		{ErrKey, CloseInternal},
	} {
		if got := CloseCodeOf(row.err); got != row.want {
			t.Errorf("CloseCodeOf(%v) = %d, want %d", row.err, got, row.want)
		}
	}
}
