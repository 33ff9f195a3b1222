// Package engineio is the wire format of Engine.IO protocol 4: packets, polling
// payloads, the open handshake and the refusals of the HTTP layer.
//
// It is a codec and nothing else. Functions come in pairs, Parse… and Append…,
// work on byte slices, do no I/O, hold no state between calls, and may be called
// from any goroutine. What a session does with a packet is not decided here.
//
// A WebSocket message carries one packet: a text message begins with the digit of
// its type, a binary message is the payload alone and needs no codec. A polling
// body carries many: they are joined with U+001E, and binary is written as the
// letter b and base64.
//
// Whether text is valid UTF-8 is asked once, where it enters: a WebSocket reader
// has to do it anyway (RFC 6455 8.1), a polling body is checked with CheckText.
package engineio
