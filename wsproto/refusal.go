package wsproto

import (
	"errors"
	"net/http"
	"strconv"
)

// HandshakeError is one rule of HTTP/1.1, or of the opening handshake that is
// made of it, that a peer broke. It is a small number like ProtocolError;
// compare with == or errors.Is.
type HandshakeError uint8

// The rules for a request, each with the status that it is refused with.
const (
	ErrHeadTooLarge     HandshakeError = iota + 1 // a head of more than HeadBytesMax
	ErrLineEnd                                    // a line that ends in LF without CR
	ErrHeadNotOne                                 // not exactly one whole head
	ErrRequestLine                                // not method, target and version
	ErrMethod                                     // not GET
	ErrHTTPVersion                                // not HTTP/1.1, nor HTTP/1.0 where that will do
	ErrTooManyHeaders                             // more than HeadersMax
	ErrHeaderName                                 // a header line without a name
	ErrHeadByte                                   // a control byte, or one beyond ASCII where that is not allowed, in a line
	ErrHeaderTwice                                // two of what decides
	ErrBody                                       // the request announces a body
	ErrHost                                       // no Host
	ErrUpgradeHeader                              // Upgrade is not websocket
	ErrConnectionHeader                           // Connection does not name Upgrade
	ErrKey                                        // Sec-WebSocket-Key is not 16 bytes in base64
	ErrVersionMissing                             // no Sec-WebSocket-Version
	ErrVersion                                    // Sec-WebSocket-Version is not 13
	ErrAnswerHeader                               // our own side gave a header that HTTP does not allow

	// The rules for a request that is no upgrade: where it ends, and for whom it is.
	ErrTarget                  // the target is not a path, nor * for OPTIONS
	ErrHostBytes               // Host is not a host and a port
	ErrContentLength           // Content-Length is not one number that fits
	ErrTransferEncoding        // Transfer-Encoding is not chunked
	ErrTransferCoding          // Transfer-Encoding has a coding below chunked
	ErrTransferEncodingVersion // Transfer-Encoding in HTTP/1.0
	ErrTwoLengths              // Content-Length and Transfer-Encoding
	ErrTrailerNames            // Trailer announces what has to come before the body
	ErrExpect                  // Expect is not 100-continue

	// The rules for a body in chunks.
	ErrChunkSize   // a chunk size that is not hexadecimal, and that alone
	ErrChunkDigits // a chunk size of more than ChunkSizeDigitsMax
	ErrChunkEnd    // no CRLF where the chunk's data ends
	ErrChunkExtras // more than ChunkExtraBytesMax of extensions and trailers

	// The rules for a response, which a client checks and nobody answers.
	ErrResponseStatus     // not 101
	ErrResponseUpgrade    // Upgrade is not websocket
	ErrResponseConnection // Connection does not name Upgrade
	ErrResponseAccept     // Sec-WebSocket-Accept does not belong to the key
	ErrResponseExtension  // an extension or a subprotocol that was not offered
	handshakeErrorsEnd
)

var handshakeErrors = [handshakeErrorsEnd]struct {
	status int
	text   string
}{
	ErrHeadTooLarge:     {http.StatusRequestHeaderFieldsTooLarge, "request head is too large"},
	ErrLineEnd:          {http.StatusBadRequest, "line does not end in CRLF"},
	ErrHeadNotOne:       {http.StatusBadRequest, "not one request head"},
	ErrRequestLine:      {http.StatusBadRequest, "malformed request line"},
	ErrMethod:           {http.StatusMethodNotAllowed, "method is not GET"},
	ErrHTTPVersion:      {http.StatusHTTPVersionNotSupported, "HTTP version is not supported"},
	ErrTooManyHeaders:   {http.StatusRequestHeaderFieldsTooLarge, "too many headers"},
	ErrHeaderName:       {http.StatusBadRequest, "malformed header line"},
	ErrHeadByte:         {http.StatusBadRequest, "control byte or byte beyond ASCII"},
	ErrHeaderTwice:      {http.StatusBadRequest, "header is there twice"},
	ErrBody:             {http.StatusBadRequest, "upgrade request with a body"},
	ErrHost:             {http.StatusBadRequest, "Host is missing"},
	ErrUpgradeHeader:    {http.StatusBadRequest, "Upgrade is not websocket"},
	ErrConnectionHeader: {http.StatusBadRequest, "Connection is not Upgrade"},
	ErrKey:              {http.StatusBadRequest, "Sec-WebSocket-Key is not 16 bytes in base64"},
	ErrVersionMissing:   {http.StatusBadRequest, "Sec-WebSocket-Version is missing"},
	ErrVersion:          {http.StatusUpgradeRequired, "Sec-WebSocket-Version is not 13"},
	ErrAnswerHeader:     {http.StatusInternalServerError, "response header is malformed"},

	ErrTarget:                  {http.StatusBadRequest, "request target is not a path"},
	ErrHostBytes:               {http.StatusBadRequest, "Host is malformed"},
	ErrContentLength:           {http.StatusBadRequest, "Content-Length is malformed"},
	ErrTransferEncoding:        {http.StatusBadRequest, "Transfer-Encoding is not chunked"},
	ErrTransferCoding:          {http.StatusNotImplemented, "Transfer-Encoding is not only chunked"},
	ErrTransferEncodingVersion: {http.StatusBadRequest, "Transfer-Encoding in HTTP/1.0"},
	ErrTwoLengths:              {http.StatusBadRequest, "Content-Length and Transfer-Encoding"},
	ErrTrailerNames:            {http.StatusBadRequest, "Trailer names a header that cannot wait"},
	ErrExpect:                  {http.StatusExpectationFailed, "Expect is not 100-continue"},

	ErrChunkSize:   {http.StatusBadRequest, "chunk size is malformed"},
	ErrChunkDigits: {http.StatusBadRequest, "chunk size has too many digits"},
	ErrChunkEnd:    {http.StatusBadRequest, "chunk does not end in CRLF"},
	ErrChunkExtras: {http.StatusBadRequest, "too many chunk extensions or trailers"},

	ErrResponseStatus:     {text: "server did not switch protocols"},
	ErrResponseUpgrade:    {text: "response: Upgrade is not websocket"},
	ErrResponseConnection: {text: "response: Connection is not Upgrade"},
	ErrResponseAccept:     {text: "response: Sec-WebSocket-Accept does not match the key"},
	ErrResponseExtension:  {text: "response: extension or subprotocol that was not offered"},
}

// Error names the rule.
func (e HandshakeError) Error() string { return "http: " + handshakeErrors[e].text }

// Status is the HTTP status that a request is refused with, and 0 for a rule
// that is a client's to check.
func (e HandshakeError) Status() int { return handshakeErrors[e].status }

// Refusal is an error with which the caller of Upgrade answers a request that
// breaks no rule: it is not allowed, or not now.
type Refusal struct {
	Status int    // from 300 to 599
	Body   string // sent as plain text
}

// Error tells status and body.
func (r *Refusal) Error() string {
	return "websocket handshake refused with " + strconv.Itoa(r.Status) + ": " + r.Body
}

// AppendRefusal appends the whole HTTP response that refuses a request because
// of err, and returns the extended slice. It also serves for what HeadLen
// returns. An error that is neither a HandshakeError nor a Refusal is answered
// with 500 and not told. The connection is to be closed behind it: nobody knows
// where the next request would begin.
func AppendRefusal(dst []byte, err error) []byte { return appendRefusal(dst, err, nil) }

func appendRefusal(dst []byte, err error, fields []byte) []byte {
	status, body := answerTo(err)
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(status)...)
	dst = append(dst, "\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"...)
	dst = append(dst, demand(status)...)
	dst = append(dst, fields...)
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, body...)
}

// answerTo chooses the status line and the body for err.
func answerTo(err error) (status int, body string) {
	if rule, ok := errors.AsType[HandshakeError](err); ok && rule.Status() != 0 {
		return rule.Status(), handshakeErrors[rule].text
	}
	if refusal, ok := errors.AsType[*Refusal](err); ok && 300 <= refusal.Status && refusal.Status <= 599 {
		return refusal.Status, refusal.Body
	}
	return http.StatusInternalServerError, http.StatusText(http.StatusInternalServerError)
}

// demand is the header that a status must be sent with, so that the client
// learns what would have done.
func demand(status int) string {
	switch status {
	case http.StatusMethodNotAllowed: // RFC 9110 15.5.6
		return "Allow: GET\r\n"
	case http.StatusUpgradeRequired: // RFC 9110 15.5.22, RFC 6455 4.4
		return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	default:
		return ""
	}
}
