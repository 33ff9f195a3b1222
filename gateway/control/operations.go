package control

import "net/http"

// The ids of operations that other code goes by.
const (
	opEmit   = "emit"
	opStream = "emit.stream" // of Config.Observe: the same operation, with another content type
)

// register registers all operations.
func (a *API) register() {
	r := &router{ServeMux: a.mux, api: a}
	a.huma = a.newHuma(r)
	a.registerEmits(r)
	a.registerMembers(r)
	a.registerLists(r)
	a.registerSystem(r)
	a.registerOthers(r)
	a.publish()
}

func publish(o operation) operation {
	o.scopes, o.tag = []Scope{ScopePublish}, "emit"
	return o
}

func manage(o operation) operation {
	o.scopes, o.tag = []Scope{ScopeManage}, "manage"
	return o
}

func read(o operation) operation {
	o.scopes, o.tag = []Scope{ScopeRead}, "read"
	return o
}

func (a *API) registerEmits(r *router) {
	bytesMax := a.cfg.EventBytesMax
	add(r, publish(operation{
		id: opEmit, method: http.MethodPost, path: "/v1/emit", emits: true, body: emitBody{}, bytesMax: bytesMax,
		summary:     "Emit an event to rooms and sockets",
		description: "With content type " + typeNDJSON + " the body is a stream: each line is a body, and is answered by a line.",
	}), a.postEmit)
	add(r, publish(operation{
		id: "rooms.emit", method: http.MethodPost, path: "/v1/rooms/{room}/emit", emits: true, body: eventBody{}, bytesMax: bytesMax,
		summary: "Emit an event to a room",
	}), a.postRoomEmit)
	add(r, publish(operation{
		id: "sockets.emit", method: http.MethodPost, path: "/v1/sockets/{sid}/emit", emits: true, body: eventBody{}, bytesMax: bytesMax,
		summary: "Emit an event to a socket", errors: []int{http.StatusNotFound},
	}), a.postSocketEmit)
	add(r, publish(operation{
		id: "users.emit", method: http.MethodPost, path: "/v1/users/{user}/emit", emits: true, body: eventBody{}, bytesMax: bytesMax,
		summary: "Emit an event to all sockets of a user",
	}), a.postUserEmit)
	add(r, publish(operation{
		id: "broadcast", method: http.MethodPost, path: "/v1/broadcast", emits: true, unlocked: true, body: eventBody{}, bytesMax: bytesMax,
		summary: "Emit an event to everyone in a namespace", description: "Not for keys that are locked to rooms.",
	}), a.postBroadcast)
	add(r, operation{
		id: "batch", method: http.MethodPost, path: "/v1/batch", emits: true, itemised: true, body: batchBody{}, bytesMax: BatchBytesMax,
		scopes: []Scope{ScopePublish, ScopeManage}, tag: "emit", summary: "Do up to 1000 operations in their order",
		description: "The reply is 200 also when items fail: each result has the status that the operation would have had by itself.",
	}, a.postBatch)
}

func (a *API) registerMembers(r *router) {
	bytesMax := a.cfg.EventBytesMax
	add(r, manage(operation{
		id: "join", method: http.MethodPost, path: "/v1/join", body: roomsBody{}, bytesMax: bytesMax, summary: "Put sockets into rooms",
	}), a.postJoin)
	add(r, manage(operation{
		id: "leave", method: http.MethodPost, path: "/v1/leave", body: roomsBody{}, bytesMax: bytesMax, summary: "Take sockets out of rooms",
	}), a.postLeave)
	add(r, manage(operation{
		id: "disconnect", method: http.MethodPost, path: "/v1/disconnect", body: disconnectBody{}, bytesMax: bytesMax, summary: "Disconnect sockets",
	}), a.postDisconnect)
	add(r, manage(operation{
		id: "rooms.sockets.put", method: http.MethodPut, path: "/v1/rooms/{room}/sockets/{sid}", success: http.StatusNoContent,
		errors: []int{http.StatusNotFound}, summary: "Put a socket into a room",
	}), a.putMember)
	add(r, manage(operation{
		id: "rooms.sockets.delete", method: http.MethodDelete, path: "/v1/rooms/{room}/sockets/{sid}", success: http.StatusNoContent,
		errors: []int{http.StatusNotFound}, summary: "Take a socket out of a room",
	}), a.deleteMember)
	add(r, manage(operation{
		id: "rooms.delete", method: http.MethodDelete, path: "/v1/rooms/{room}",
		summary: "Take all sockets out of a room", description: "They stay connected. A room is there as long as somebody is in it.",
	}), a.deleteRoom)
	add(r, manage(operation{
		id: "sockets.delete", method: http.MethodDelete, path: "/v1/sockets/{sid}", success: http.StatusNoContent,
		errors: []int{http.StatusNotFound}, summary: "Disconnect a socket",
	}), a.deleteSocket)
	add(r, manage(operation{
		id: "users.sockets.delete", method: http.MethodDelete, path: "/v1/users/{user}/sockets", summary: "Disconnect all sockets of a user",
	}), a.deleteUser)
}

func (a *API) registerLists(r *router) {
	get := func(id, path, summary string, errors ...int) operation {
		return read(operation{id: id, method: http.MethodGet, path: path, summary: summary, errors: errors})
	}
	add(r, get("rooms.list", "/v1/rooms", "List rooms"), a.getRooms)
	add(r, get("rooms.get", "/v1/rooms/{room}", "Count the sockets of a room"), a.getRoom)
	add(r, get("rooms.sockets.list", "/v1/rooms/{room}/sockets", "List the sockets of a room"), a.getMembers)
	add(r, get("rooms.users.list", "/v1/rooms/{room}/users", "List the users of a room"), a.getRoomUsers)
	add(r, get("sockets.list", "/v1/sockets", "List sockets, of a room, of a user, or all"), a.getSockets)
	add(r, get("sockets.get", "/v1/sockets/{sid}", "Look at a socket", http.StatusNotFound), a.getSocket)
	add(r, get("users.get", "/v1/users/{user}", "Look whether a user is online"), a.getUser)
	add(r, read(operation{
		id: "users.online", method: http.MethodPost, path: "/v1/users/online", body: onlineBody{}, bytesMax: a.cfg.EventBytesMax,
		summary: "Find out which of many users are online",
	}), a.postOnline)
}

func (a *API) registerSystem(r *router) {
	add(r, read(operation{
		id: "stats", method: http.MethodGet, path: "/v1/stats", unlocked: true, summary: "Counters of this server",
	}), a.getStats)
	if a.cfg.Drain != nil {
		add(r, manage(operation{
			id: "drain", method: http.MethodPost, path: "/v1/drain", unlocked: true, summary: "Send all clients away, evenly, before the server is stopped",
		}), a.postDrain)
	}
	add(r, operation{
		id: "health", method: http.MethodGet, path: "/healthz", tag: "system", summary: "Whether the process answers",
	}, a.getHealth)
	add(r, operation{
		id: "ready", method: http.MethodGet, path: "/readyz", tag: "system", errors: []int{http.StatusServiceUnavailable},
		summary: "Whether the server should get new clients",
	}, a.getReady)
}

// registerOthers registers what huma has no part in.
func (a *API) registerOthers(r *router) {
	document := operation{id: "openapi", method: http.MethodGet, path: "/openapi.json", tag: "system", summary: "This document"}
	r.serve(document, a.serveDocument)
	r.describe(document, "application/json", "An OpenAPI 3.1 document.")
	if a.cfg.Metrics != nil {
		metrics := operation{id: "metrics", method: http.MethodGet, path: "/metrics", tag: "system", summary: "Metrics for Prometheus"}
		if !a.cfg.MetricsOpen {
			metrics.scopes, metrics.unlocked = []Scope{ScopeRead}, true
		}
		r.serve(metrics, through(a.cfg.Metrics))
		r.describe(metrics, "text/plain", "The text format of Prometheus.")
	}
	if a.cfg.Pprof {
		profile := operation{id: "pprof", method: http.MethodGet, path: "/debug/pprof/", scopes: []Scope{ScopeManage}, unlocked: true}
		r.serve(profile, through(profiles()))
	}
}

func (r *router) serve(op operation, do http.HandlerFunc) {
	r.Handle(op.method+" "+op.path, &route{api: r.api, op: op, do: do})
}
