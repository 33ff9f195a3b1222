// Package chaos is what goes wrong on purpose while innocent clients are measured: hostile and broken connections, and what may
// happen to the server's process.
//
// An Attack is many connections of one Kind, held by one goroutine with one epoll descriptor, so that they cost the server much more
// than the client beside them. A Server can be paused, killed and stopped. A Schedule says when which of this happens, and an
// Injection carries a schedule out, cut into the phases of a run.
package chaos
