package stock

// conversations are held by TestConversations, which says how they read.
var conversations = []struct {
	name      string
	transport Transport
	text      string
}{
	// What was recorded of the real client: the poll c5 is in flight when 3probe comes, and is answered with data.
	{"the trace", Default, handshake + `
		POST 200 ok
		101
			> WS 2probe
		GET 200 40{"sid":"public"}
			> GET s1
		FRAME 3probe
		GET 200 430["w"]
			> WS 5
			> BACK
	`},
	{"the poll is answered with a noop", Default, upgraded},
	{"3probe before the answer to the first poll, which brings the namespace", Default, handshake + `
		POST 200 ok
		101
			> WS 2probe
		FRAME 3probe
		GET 200 40{"sid":"public"}
			> WS 5
			> BACK
	`},
	{"the namespace over the WebSocket", Default, handshake + `
		POST 200 ok
		101
			> WS 2probe
		FRAME 3probe
		GET 200 6
			> WS 5
		FRAME 40{"sid":"public"}
			> BACK
	`},
	{"3probe while no poll is in flight waits for nothing but the POST", Default, handshake + `
		101
			> WS 2probe
		FRAME 3probe
		GET 200 6
		POST 200 ok
			> WS 5
		FRAME 40{"sid":"public"}
			> BACK
	`},
	{"the POST is answered before the poll", Default, handshake + `
		101
			> WS 2probe
		FRAME 3probe
		POST 200 ok
		GET 200 40{"sid":"public"}
			> WS 5
			> BACK
	`},
	{"several packets in one answer, and the next poll after all of them", Default, handshake + `
		POST 200 ok
		GET 200 40{"sid":"public"}␞2␞42["news",1]
			> wake 45s
			> POST s1 3
			> GET s1
	`},
	{"a ping while the POST is in flight waits for it", Default, handshake + `
		GET 200 2
			> wake 45s
			> GET s1
		GET 200 2
			> wake 45s
			> GET s1
		POST 200 ok
			> POST s1 3␞3
	`},
	{"a ping while the transport pauses is answered over the WebSocket", Default, ready + `
		FRAME 3probe
		GET 200 2
			> wake 45s
			> WS 5
			> BACK
			> WS 3
	`},
	{"the server offers no upgrade", Default, `
		open
			> wake 20s
			> asking
			> GET
		GET 200 0{"sid":"s1","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}
			> POST s1 40
			> wake 500ms
			> GET s1
		GET 200 40{"sid":"public"}
			> BACK
			> GET s1
	`},
	{"afterwards frames only", Default, upgraded + `
		FRAME 2
			> wake 45s
			> WS 3
		echo
			> WS 420["echo","proof"]
		FRAME 430["proof"]
			> proven
	`},
	{"what a frame may be besides", Default, upgraded + `
		FRAME 1
		FRAME 6
		FRAME 42["room","x"]
		FRAME 431["proof"]
		FRAME 41/other,
		FRAME 44/other,{"message":"Invalid namespace"}
	`},
	{"polling for good", Polling, onPolling + `
		GET 200 2
			> wake 45s
			> POST s1 3
			> GET s1
		echo
		POST 200 ok
			> POST s1 420["echo","proof"]
		GET 200 430["proof"]
			> proven
			> GET s1
	`},
	{"WebSocket at once", WebSocket, onWebSocket + `
		FRAME 2
			> wake 45s
			> WS 3
	`},

	// Clients that want no more.
	{"it quits while it polls", Polling, onPolling + `
		quit
			> leave
			> POST s1 1
			> leave
			> wake 0s
		alarm
	`},
	{"it quits", Default, upgraded + `
		quit
			> leave
			> wake 0s
	`},

	// Upgrades that fail.
	{"the upgrade is refused before the namespace is there", Default, handshake + `
		SOCKET closed status 400
			> fault upgrade: status 400
		POST 200 ok
		GET 200 40{"sid":"public"}
			> BACK
			> GET s1
	`},
	{"the upgrade is refused after the namespace is there", Default, handshake + `
		POST 200 ok
		GET 200 40{"sid":"public"}
			> GET s1
		SOCKET closed status 503
			> fault upgrade: status 503
			> BACK
	`},
	{"the WebSocket breaks before the probe is answered", Default, ready + `
		SOCKET closed ECONNRESET
			> fault upgrade: ECONNRESET
			> BACK
		GET 200 6
			> GET s1
	`},
	{"the probe is answered with something else", Default, ready + `
		FRAME 6
			> fault upgrade: probe answered otherwise
			> BACK
		FRAME 3probe
		GET 200 6
			> GET s1
	`},
	{"the WebSocket breaks after 3probe: the client is silent until its heartbeat fails", Default, ready + `
		FRAME 3probe
		SOCKET closed ECONNRESET
			> fault upgrade: ECONNRESET after the probe
		GET 200 2
			> wake 45s
		alarm
			> leave
			> LOST heartbeat: timeout
			> wake 1s
	`},

	// Attempts that fail.
	{"nobody listens", Default, `
		open
			> wake 20s
			> asking
			> GET
		GET refused ECONNREFUSED
			> leave
			> missed handshake: ECONNREFUSED (refused)
			> wake 1s
		alarm
			> wake 20s
			> asking
			> GET
		GET refused ECONNREFUSED
			> leave
			> missed handshake: ECONNREFUSED (refused)
			> wake 2s
		alarm
			> wake 20s
			> asking
			> GET
		GET 503 {}
			> leave
			> missed handshake: status 503 (refused)
			> wake 4s
		alarm
			> wake 20s
			> asking
			> GET
		GET closed ECONNRESET
			> leave
			> missed handshake: ECONNRESET
			> wake 5s
	`},
	{"a server that is full answers the upgrade with 503", WebSocket, `
		open
			> wake 20s
			> asking
			> UPGRADE
		SOCKET refused status 503
			> leave
			> missed handshake: status 503 (refused)
			> wake 1s
	`},
	{"the handshake is refused", Default, `
		open
			> wake 20s
			> asking
			> GET
		GET 400 {"code":3,"message":"Bad request"}
			> leave
			> missed handshake: status 400
			> wake 1s
	`},
	{"the handshake is not answered", Default, `
		open
			> wake 20s
			> asking
			> GET
		alarm
			> leave
			> missed handshake: timeout
			> wake 1s
	`},
	{"the open packet is none", Default, `
		open
			> wake 20s
			> asking
			> GET
		GET 200 0{"sid":
			> leave
			> missed handshake: bad open packet
			> wake 1s
	`},
	{"the open packet is missing", Default, `
		open
			> wake 20s
			> asking
			> GET
		GET 200 6
			> leave
			> missed handshake: no open packet
			> wake 1s
	`},
	{"an empty answer to the handshake", Default, `
		open
			> wake 20s
			> asking
			> GET
		GET 200
			> leave
			> missed handshake: no open packet
			> wake 1s
	`},
	{"a ping before the open packet", WebSocket, `
		open
			> wake 20s
			> asking
			> UPGRADE
		101
		FRAME 2
			> leave
			> missed handshake: no open packet
			> wake 1s
	`},
	{"the WebSocket breaks before the open packet", WebSocket, `
		open
			> wake 20s
			> asking
			> UPGRADE
		101
		SOCKET closed closed by the server
			> leave
			> missed websocket: closed by the server
			> wake 1s
	`},

	// Sessions that end. Whoever polls says goodbye by a POST, whatever the end was.
	{"a poll breaks", Default, handshake + `
		GET closed ECONNRESET
			> leave
			> POST s1 1
			> leave
			> LOST poll: ECONNRESET
			> wake 1s
		alarm
			> wake 20s
			> asking
			> GET
	`},
	{"a poll is refused", Default, handshake + `
		GET 400 {"code":1,"message":"Session ID unknown"}
			> leave
			> POST s1 1
			> leave
			> LOST poll: status 400
			> wake 1s
	`},
	{"a POST is refused", Default, handshake + `
		POST 503 busy
			> leave
			> POST s1 1
			> leave
			> LOST post: status 503 (refused)
			> wake 1s
	`},
	{"a POST breaks while the transport pauses, and nothing can be said any more", Default, handshake + `
		101
			> WS 2probe
		FRAME 3probe
		POST closed ECONNRESET
			> leave
			> LOST post: ECONNRESET
			> wake 1s
	`},
	{"the server closes the session over polling", Default, handshake + `
		GET 200 6␞1␞42["too late"]
			> leave
			> LOST poll: closed by the server
			> wake 1s
	`},
	{"the WebSocket breaks", Default, upgraded + `
		SOCKET closed closed by the server
			> leave
			> LOST websocket: closed by the server
			> wake 1s
		alarm
			> wake 20s
			> asking
			> GET
	`},
	{"no ping over the WebSocket", Default, upgraded + `
		alarm
			> leave
			> LOST heartbeat: timeout
			> wake 1s
	`},
	{"no ping over polling", Polling, onPolling + `
		alarm
			> leave
			> POST s1 1
			> leave
			> LOST heartbeat: timeout
			> wake 1s
	`},
	{"a packet that is none", Default, upgraded + `
		FRAME 4x
			> leave
			> LOST packet: parse error
			> wake 1s
	`},
	{"a second open packet", Default, upgraded + `
		FRAME 0{"sid":"s2"}
			> leave
			> LOST handshake: bad open packet
			> wake 1s
	`},
	{"the namespace is refused", Default, handshake + `
		GET 200 44{"message":"no"}
			> leave
			> POST s1 1
			> leave
			> wake 0s
			> ENDED namespace: refused: {"message":"no"}
		alarm
		cut
	`},
	{"the server disconnects the namespace", Default, upgraded + `
		FRAME 41
			> leave
			> wake 0s
			> ENDED namespace: disconnected by the server
	`},

	// The end of all connections at once.
	{"cut on the WebSocket", Default, upgraded + `
		cut
			> leave
			> LOST cut: all connections
			> wake 1s
	`},
	{"cut while it polls", Polling, onPolling + `
		cut
			> leave
			> LOST cut: all connections
			> wake 1s
	`},
	{"cut while it waits is nothing new", Default, handshake + `
		cut
			> leave
			> LOST cut: all connections
			> wake 1s
		cut
	`},
	{"cut during the handshake is an attempt that failed", Default, `
		open
			> wake 20s
			> asking
			> GET
		cut
			> leave
			> missed cut: all connections
			> wake 1s
	`},
	{"after a session the waiting begins anew", Default, handshake + `
		cut
			> leave
			> LOST cut: all connections
			> wake 1s
		alarm
			> wake 20s
			> asking
			> GET
		GET refused ECONNREFUSED
			> leave
			> missed handshake: ECONNREFUSED (refused)
			> wake 2s
		alarm
			> wake 20s
			> asking
			> GET
		GET 200 0{"sid":"s2","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			> POST s2 40
			> wake 45s
			> GET s2
		cut
			> leave
			> LOST cut: all connections
			> wake 1s
	`},
	{"nobody who is not connected echoes", Default, handshake + `
		echo
	`},
}
