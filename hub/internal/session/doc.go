// Package session holds the Engine.IO sessions of one loop: a connection's way from its first byte to its end.
//
//	bytes ─> head (request, upgrade) ─> Session (frames, heartbeat) ─> Upper (Socket.IO)
//
// A Session belongs to one loop for life and is touched by that loop's goroutine alone; time is the loop's clock and
// randomness is a reader, both given.
package session
