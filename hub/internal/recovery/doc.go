// Package recovery is the memory behind Socket.IO's connection state recovery: what was sent in a namespace lately, and
// what the sockets that are away for the moment were entitled to. A client that comes back with the id of its session and
// the offset of the last message that it has got is sent exactly what it has missed.
//
// A Journal belongs to one namespace. Each message that can be recovered takes a Position in it, and is kept in the logs of
// the rooms that it was aimed at; "everyone" is a log too. A History says between which positions a socket was in which
// room. So what a client has missed is found by looking into the logs of its own rooms, behind the position that it names,
// and the work is in proportion to what it has missed: not to what is kept, nor to what others were sent.
//
// # When to trust the answer
//
// A message counts as missed exactly if it was aimed at the socket as it was then: Replay gives nothing twice and nothing
// that the socket was not entitled to. Where it cannot be sure to give everything, it gives nothing and says why.
//
// It has to know how far a client is that names an old offset or none, because for a long time there was nothing for it.
// The heartbeat tells: a connection that was still good at a time has delivered everything that was sent long enough
// before, Limits.InFlightTime. That gives each session that is saved a position up to which its client needs nothing, and
// no session that still may come back needs what is older than Limits.Retention. So what is forgotten by age leaves no
// trace, and a quiet client recovers like any other. Only what had to go early, for the bounds in bytes, leaves a mark: the
// position in the log of its room, kept until age would have reached it.
//
// A replay is sent later than its messages were recorded, so a connection that breaks again soon after one proves nothing
// of them: such a session keeps the position that it had, until a connection has lasted for InFlightTime.
package recovery
