package wsproto

import "errors"

// ProtocolError is one rule of RFC 6455, or one limit of ours, that a peer
// broke. It is a small number so that a Reader can remember in a byte what it
// failed with; compare with == or errors.Is.
type ProtocolError uint8

// The rules, each with its own value. The close code is in CloseCode.
const (
	ErrReservedBits         ProtocolError = iota + 1 // RSV1, RSV2 or RSV3 is set where it means nothing
	ErrReservedOpcode                                // opcode 3-7 or b-f
	ErrMaskMissing                                   // a client sent a frame without a mask
	ErrMaskUnexpected                                // a server sent a frame with a mask
	ErrLengthTopBit                                  // the 64-bit length is negative
	ErrLengthNotMinimal                              // a length in more bytes than it needs
	ErrControlTooLong                                // a control frame of more than ControlBytesMax
	ErrControlFragmented                             // a control frame without FIN
	ErrContinuationOrphan                            // a continuation of nothing
	ErrContinuationExpected                          // a new message inside a fragmented one
	ErrMessageTooBig                                 // more than Limits.MessageBytesMax
	ErrTooManyFragments                              // more than Limits.FragmentsMax
	ErrTextNotUTF8                                   // a text message that is not UTF-8
	ErrCloseBodyShort                                // a close body of one byte
	ErrCloseCode                                     // a close code that must not be sent
	ErrCloseReasonNotUTF8                            // a close reason that is not UTF-8
	ErrDeflate                                       // a compressed message that is no DEFLATE
	protocolErrorsEnd
)

var protocolErrors = [protocolErrorsEnd]struct {
	code CloseCode
	text string
}{
	ErrReservedBits:         {CloseProtocolError, "reserved bits are set"},
	ErrReservedOpcode:       {CloseProtocolError, "reserved opcode"},
	ErrMaskMissing:          {CloseProtocolError, "frame from a client is not masked"},
	ErrMaskUnexpected:       {CloseProtocolError, "frame from a server is masked"},
	ErrLengthTopBit:         {CloseProtocolError, "frame length is negative"},
	ErrLengthNotMinimal:     {CloseProtocolError, "frame length is not in its shortest form"},
	ErrControlTooLong:       {CloseProtocolError, "control frame is too long"},
	ErrControlFragmented:    {CloseProtocolError, "control frame is fragmented"},
	ErrContinuationOrphan:   {CloseProtocolError, "continuation without a message"},
	ErrContinuationExpected: {CloseProtocolError, "new message inside a fragmented one"},
	ErrMessageTooBig:        {CloseTooBig, "message is too big"},
	ErrTooManyFragments:     {ClosePolicy, "message has too many fragments"},
	ErrTextNotUTF8:          {CloseInvalidPayload, "text message is not UTF-8"},
	ErrCloseBodyShort:       {CloseProtocolError, "close body is one byte long"},
	ErrCloseCode:            {CloseProtocolError, "close code must not be sent"},
	ErrCloseReasonNotUTF8:   {CloseInvalidPayload, "close reason is not UTF-8"},
	ErrDeflate:              {CloseInvalidPayload, "compressed message is corrupt"}, // RFC 7692 names no code; the ws package's
}

// Error names the rule.
func (e ProtocolError) Error() string { return "websocket: " + protocolErrors[e].text }

// CloseCode is what the connection is to be closed with (RFC 6455 7.1.7).
func (e ProtocolError) CloseCode() CloseCode { return protocolErrors[e].code }

// asError keeps the zero value, which is no error, from becoming a non-nil
// interface.
func (e ProtocolError) asError() error {
	if e == 0 {
		return nil
	}
	return e
}

// CloseCodeOf is the code to close with because of err: that of the
// ProtocolError in its chain, CloseNormal for nil, and CloseInternal for what
// is no fault of the peer's.
func CloseCodeOf(err error) CloseCode {
	if err == nil {
		return CloseNormal
	}
	var rule ProtocolError
	if errors.As(err, &rule) {
		return rule.CloseCode()
	}
	return CloseInternal
}
