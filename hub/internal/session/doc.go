// Package session holds the Engine.IO sessions of one loop: a connection's way from its first byte to its end.
//
//	bytes ─> httpConn (requests) ─┬─> exchange ─> polling ─┐
//	                              └─> probe, or at once ───┴─> Session (packets, heartbeat) ─> Upper (Socket.IO)
//
// A Session belongs to one loop for life and is touched by that loop's goroutine alone; requests for it that come on
// connections of other loops are posted to it, and WebSockets move there. Time is the loop's clock and
// randomness is a reader, both given.
package session
