package wsproto

import (
	"strings"
	"testing"
)

// TestProtocolErrors wants for each rule its close code and a row in one of the
// Reader's tables that breaks it.
func TestProtocolErrors(t *testing.T) {
	codes := map[ProtocolError]CloseCode{
		ErrReservedBits:         1002,
		ErrReservedOpcode:       1002,
		ErrMaskMissing:          1002,
		ErrMaskUnexpected:       1002,
		ErrLengthTopBit:         1002,
		ErrLengthNotMinimal:     1002,
		ErrControlTooLong:       1002,
		ErrControlFragmented:    1002,
		ErrContinuationOrphan:   1002,
		ErrContinuationExpected: 1002,
		ErrMessageTooBig:        1009,
		ErrTooManyFragments:     1008,
		ErrTextNotUTF8:          1007,
		ErrCloseBodyShort:       1002,
		ErrCloseCode:            1002,
		ErrCloseReasonNotUTF8:   1007,
		ErrDeflate:              1007,
	}
	broken := map[error]bool{}
	for _, row := range append(readerRows, deflateRows...) {
		broken[row.err] = true
	}
	texts := map[string]bool{}
	for rule := ProtocolError(1); rule < protocolErrorsEnd; rule++ {
		if codes[rule] == 0 || CloseCodeOf(rule) != codes[rule] {
			t.Errorf("%v closes with %d, want %d", rule, CloseCodeOf(rule), codes[rule])
		}
		if !broken[rule] {
			t.Errorf("no row of readerRows or deflateRows has %v", rule)
		}
		texts[strings.TrimPrefix(rule.Error(), "websocket: ")] = true
	}
	if len(texts) != len(codes) || texts[""] {
		t.Errorf("%d rules have the texts %v", len(codes), texts)
	}
}

// TestHandshakeErrors wants for each rule its status and a row in the table of
// the side that checks it.
func TestHandshakeErrors(t *testing.T) {
	broken := map[error]bool{}
	for _, row := range upgradeRows {
		broken[row.err] = true
	}
	for _, row := range responseRows {
		broken[row.err] = true
	}
	for _, row := range requestRows {
		broken[row.err] = true
	}
	for _, row := range chunkedRows {
		broken[row.err] = true
	}
	texts := map[string]bool{}
	for rule := HandshakeError(1); rule < handshakeErrorsEnd; rule++ {
		if !broken[rule] {
			t.Errorf("no row of upgradeRows, responseRows, requestRows or chunkedRows has %v", rule)
		}
		if ours := rule >= ErrResponseStatus; ours != (rule.Status() == 0) {
			t.Errorf("%v is refused with status %d", rule, rule.Status())
		}
		texts[strings.TrimPrefix(rule.Error(), "http: ")] = true
	}
	if len(texts) != int(handshakeErrorsEnd)-1 || texts[""] {
		t.Errorf("%d rules have the texts %v", handshakeErrorsEnd-1, texts)
	}
}
