// Package socketio is the wire format of Socket.IO protocol 5 with its default
// JSON parser: packets, acks, binary attachments, and the JSON of their arguments.
//
// A packet travels in an Engine.IO message and reads
//
//	<type>[<attachments>-][<namespace>,][<ack id>][JSON]
//
// Parse reads one text, Decoder joins a text with the binary messages that follow
// it, SplitEvent cuts an event's array into its name and arguments without decoding
// them, and Bind decodes one argument into one Go value. The Append… functions
// write packets. Nothing here does I/O or knows a socket; all functions may be
// called from any goroutine.
//
// # What is trusted
//
// Text must be valid UTF-8 when it comes in. The transport has to check that (a
// WebSocket reader anyway, RFC 6455 8.1; a polling body with engineio.CheckText),
// and nothing is checked twice here. All the rest is checked by Parse: afterwards
// the payload is strict JSON without a control character anywhere in it except the
// white space that JSON allows, so it can be relayed byte for byte, also into a
// polling payload, where a raw U+001E would split one packet into forged ones.
//
// In the other direction nothing is trusted: whatever the arguments hold, the text
// written is valid UTF-8 and strict JSON, or there is an error and dst is unchanged.
package socketio
