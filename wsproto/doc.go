// Package wsproto is RFC 6455 on byte slices: bytes in, messages out, and the
// other way round. It knows no socket, thread or clock, takes no lock and
// starts nothing, so whoever owns a value of it decides where it runs.
//
// A connection begins as text. [HeadLen] finds the end of the request head in
// whatever has arrived, and [Upgrade] answers exactly that head: with the 101,
// or with a refusal that says why.
//
// A request that is no upgrade goes to net/http, but not before [ParseRequest]
// has refused whatever net/http and a proxy in front of us might read in two
// ways, and said how long the body is. A [Chunked] takes a body in chunks apart.
//
// After an upgrade it is frames. A [Reader] is fed what arrives, cut anywhere, and
// hands out whole messages and control frames; a frame that is whole is
// unmasked where it lies and costs no allocation. Every rule that a peer can
// break is one [ProtocolError], and each knows the close code it is answered
// with. What cannot become valid is refused as soon as that is certain: a
// message too big at its header, bad UTF-8 at its first wrong byte.
//
// Outbound there are only Append functions. [PrependHeader] is for the frame
// that goes to many: reserve [HeaderBytesMax] bytes, encode the payload behind
// them once, and the header is written in front of it without a copy.
//
// Messages are compressed (RFC 7692) on the connections for which
// [Handshake.AcceptDeflate] was called, each message on its own. Compressors and
// decompressors are too large for each connection to have one, and wait in pools:
// nothing else here is shared.
//
// The masking, the header rules and the upgrade are those of github.com/gobwas/ws,
// and DEFLATE is that of github.com/klauspost/compress, which no other package
// imports.
package wsproto
