// Package hub is a Socket.IO server as a library: clients are the stock socket.io-client, the words are Socket.IO's, the
// shapes are Go's.
//
//	io := hub.New(hub.Options{})
//	io.OnConnect(func(s *hub.Socket) { s.Join("lobby") })
//	io.On("message", func(s *hub.Socket, e *hub.Event) {
//		s.To("lobby").Emit("message", e.Raw(0)) // everyone in the room but the sender
//		e.Ack("ok")
//	})
//	log.Fatal(io.ListenAndServe(ctx, ":8080"))
//
// A [Server] has [Namespace]s; a client's connection to one of them is a [Socket]; an [Event] is what a client has
// emitted. A [BroadcastOperator] says who gets a broadcast: everyone, rooms, one socket by its id, all but some; it also asks
// them all (EmitWithAck), finds them (FetchSockets), and moves them between rooms. Namespaces of which only the form of the
// name is known have a [ParentNamespace]. [On] registers handlers with typed arguments.
//
// # Order and delivery
//
// Delivery is at most once. What one goroutine emits arrives in order at each socket; events of one socket are handled in
// order. A client that does not read is disconnected when too much waits for it, and nobody else notices. With [Recovery] a
// client whose connection has broken gets what it has missed, in order and once, or is told that it cannot.
//
// # Servers
//
// A server listens by itself (ListenAndServe), serves a listener of the caller's (ServeListener), or lives in a net/http server
// as a handler (ServeHTTP). Several servers are one cluster by way of Options.Adapter; see package cluster.
//
// # Goroutines
//
// No connection has a goroutine. Handlers set with On run on goroutines and may block; those set with OnLoop run on the
// event loop and must not. All exported methods may be called from any goroutine unless they say otherwise.
package hub
