// Package eventloop moves bytes: it owns sockets, threads, timers, corking and backpressure, and knows no protocol.
//
// An [Engine] runs one [Loop] per core on gnet's epoll loops. What one loop owns — its [Handler], its connections, its
// timers — is touched by that loop's goroutine alone and so needs no lock. The one door from outside is [Loop.Post].
//
//	accept ─> Handler.OnOpen ─> Receiver.OnData … ─> Receiver.OnClose     one close for each open
//	                                  │
//	           Conn.Queue, Conn.QueueShared: bytes wait on the connection, the connection is marked dirty
//	                                  │
//	           end of the iteration: one write for each dirty connection, however much was queued (the cork)
//
// A connection stays on the loop that the kernel gave it to until [Conn.MoveTo] gives it to another one, or [Conn.HandOver]
// to a [Listener] and with it as a rule to net/http, from where [Loop.Take] brings it back. It keeps its one place in the
// engine's cap all along, and what the peer sends meanwhile waits in the kernel.
//
// An engine need not listen. [Engine.Accept] takes the connections of a listener that somebody else has made, and
// [Loop.Take] any connection that is a plain socket, wherever it was accepted and partly read; one that has a [Conn.Home]
// can be given back there.
//
// gnet holds its users to rules that this package keeps in one place, so that nobody above needs to know them: it
// recovers no panic, writes on a closed connection to whoever owns that descriptor now, ends the whole engine on a failed
// accept, bounds no output, and its task queue is not in order and starves I/O. See docs/ARCHITECTURE.md.
package eventloop
