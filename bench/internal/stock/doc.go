// Package stock is what socket.io-client 4.8.3 does in Node with its default options: in which order it asks, what it waits for
// before it goes over to WebSocket, how long it waits before it comes again. It has no socket, no clock and no randomness of its
// own, so that a conversation can be held against it byte by byte.
//
// The bench imitates it because its habits make a reconnect storm what it is: a client that comes back takes five TCP connections
// (the handshake, a POST of the CONNECT packet, the upgrade to WebSocket, and one or two polls), each but the upgrade with
// Connection: close, and every client of a server that has ended comes back within the same second.
package stock
