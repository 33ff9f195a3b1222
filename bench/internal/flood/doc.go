// Package flood is a client for very many connections: one thread, raw non-blocking sockets, level-triggered epoll with large
// batches, one read buffer for all, a few dozen bytes a connection, and no allocation for a message that arrives whole. It exists
// so that a flood costs its own processor less than it costs the server, for otherwise the bench would measure itself.
//
// A Loop knows how a connection is opened, kept alive and taken apart into messages; what is sent and what the messages mean is
// its Handler's. Besides WebSockets it has connections for HTTP requests: for one each, or for many in turn.
package flood
