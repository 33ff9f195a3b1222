package clustertest

import "testing"

// Servers has three servers work together over an adapter, with clients on each.
func Servers(t *testing.T, factory Factory) {
	for name, test := range map[string]func(*testing.T, Network){
		"broadcasts":                        testBroadcasts,
		"broadcasts of bytes":               testBytes,
		"a broadcast of a megabyte":         testMegabyte,
		"volatile broadcasts":               testVolatile,
		"namespaces":                        testNamespaces,
		"a namespace that one node has":     testLonelyNamespace,
		"a namespace that nodes make":       testChildNamespaces,
		"the order of one goroutine's":      testEmitOrder,
		"the order of a handler's":          testHandlerOrder,
		"everything at once":                testEverything,
		"acknowledgements":                  testAcks,
		"acknowledgements that do not come": testPartialAcks,
		"acknowledgements that time out":    testAckTimeout,
		"one who leaves without answering":  testAskedLeaves,
		"FetchSockets":                      testFetch,
		"what FetchSockets tells":           testFetched,
		"SocketsJoin and SocketsLeave":      testRooms,
		"DisconnectSockets":                 testDisconnect,
		"a RemoteSocket":                    testRemoteSocket,
		"ServerSideEmit":                    testServerSideEmit,
		"ServerSideEmitWithAck":             testServerSideEmitWithAck,
		"a server that is busy":             testBusyServer,
		"a server that shuts down":          testShutdown,
		"questions and a shutdown":          testAskedShutdown,
		"a node that falls behind":          testSlowServer,
		"a backlog":                         testBacklog,
		"lost with acknowledgements":        testLostAcks,
		"lost with sockets to be fetched":   testLostFetch,
		"lost with a server's answer":       testLostServer,
		"lost when it is asked":             testLostAtOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, factory(t)) })
	}
}
