// Package msgpack is the format of the npm package socket.io-msgpack-parser, for
// Socket.IO servers and clients that have agreed on it: each packet is one binary
// message, the MessagePack of
//
//	{type, nsp, data?, id?}
//
// with binary data where it belongs instead of in attachments. [Parser] is all of it,
// an implementation of socketio.Parser. Nothing here does I/O or keeps anything; all
// of it may be called from any goroutine.
//
// # What is trusted
//
// Nothing is, in a message that comes in: Parser.Parse reads all of it once, and what
// it lets through has no length that points outside, no string that is not UTF-8 and
// no nesting beyond DepthMax. The rules on packets are those of the npm decoder and
// of package socketio together.
//
// # What a value is
//
// Switching a server to this format must not change what its handlers see, so a value
// is here what it is in the standard format: numbers in an any are float64, and a
// type of the application's own is its JSON, by its json tags and MarshalJSON. Only
// what JSON cannot say is different. A []byte is binary, and a time.Time is a Date of
// the npm package's, if they are an argument, or inside of a map[string]any or []any
// at any depth. In a type of the application's own they are the strings that JSON
// makes of them, and such a type can be filled from binary data and Dates.
//
// The npm package has two extensions, under the type 0: a Date, which is eight bytes
// of milliseconds, and undefined, which is one byte and reads as null here. A Buffer
// travels as binary, an ArrayBuffer in Node.js under the type 0 as well; both are
// []byte. It has no timestamps of the MessagePack specification (type -1), but other
// clients may: they are read, never written. Any other extension is what the npm
// package makes of it, the array [type, bytes].
package msgpack
