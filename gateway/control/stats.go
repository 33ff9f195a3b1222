package control

import (
	"context"

	"starling/hub"
)

// serverStats is what there is to know of this server. Counters are of all time since it listens: what was done in a second is
// the difference of two of them.
type serverStats struct {
	Version        string            `json:"version"`
	Uptime         float64           `json:"uptime" doc:"Seconds since the API began."`
	Draining       bool              `json:"draining" doc:"It is sending its clients away."`
	ConnectionsMax int               `json:"connections_max" doc:"How many it admits."`
	Namespaces     []namespaceStats  `json:"namespaces" nullable:"false"`
	Total          loopStats         `json:"total" doc:"Of all event loops; of wait and late_max the greatest."`
	Loops          []loopStats       `json:"loops" nullable:"false" doc:"Of each event loop."`
	Closed         map[string]uint64 `json:"closed" doc:"Sessions that have ended, by reason."`
	Refused        map[string]uint64 `json:"refused" doc:"Requests of clients that were refused, by cause."`
	Panics         uint64            `json:"panics" doc:"Panics that were caught."`
	Streams        int               `json:"streams" doc:"Open streams of this API."`
	Process        any               `json:"process,omitempty" doc:"Memory, open files, and the collector, as far as the system tells."`
}

type namespaceStats struct {
	Nsp     string `json:"nsp"`
	Sockets int    `json:"sockets"`
	Rooms   int    `json:"rooms" doc:"Rooms that have members; those of single sockets are not counted."`
}

type loopStats struct {
	Connections        int     `json:"connections" doc:"Open connections."`
	PollingSessions    int     `json:"polling_sessions" doc:"Sessions that poll."`
	WebSocketSessions  int     `json:"websocket_sessions" doc:"Sessions over a WebSocket."`
	Sockets            int     `json:"sockets" doc:"Sockets, in all namespaces."`
	Tasks              int     `json:"tasks" doc:"Broadcasts and emits that wait to be done."`
	BlockedConnections int     `json:"blocked_connections" doc:"Connections whose client does not keep up."`
	PendingBytes       int     `json:"pending_bytes" doc:"Bytes that wait for clients."`
	Wait               float64 `json:"wait" doc:"Seconds that the loop took to answer this question."`
	LateMax            float64 `json:"late_max" doc:"Seconds by which its worst tick was late, since it was asked before."`
	Held               bool    `json:"held" doc:"It has not answered in time: the rest is older."`
	Begun              uint64  `json:"begun" doc:"Sessions that have begun."`
	Upgraded           uint64  `json:"upgraded" doc:"Sessions that began by polling and have gone over to a WebSocket."`
	Events             uint64  `json:"events" doc:"Events of clients."`
	Deliveries         uint64  `json:"deliveries" doc:"Events to clients; a broadcast to 100 sockets is 100."`
	DroppedVolatile    uint64  `json:"dropped_volatile" doc:"Volatile events that a client has missed."`
	Dropped            uint64  `json:"dropped" doc:"Other events to clients that did not keep up and were disconnected."`
	BytesIn            uint64  `json:"bytes_in" doc:"Bytes from clients."`
	BytesOut           uint64  `json:"bytes_out" doc:"Bytes to clients."`
	Writes             uint64  `json:"writes" doc:"System calls that this took."`
}

func loopStatsOf(l *hub.LoopStats) loopStats {
	return loopStats{
		Connections: l.Connections, PollingSessions: l.PollingSessions, WebSocketSessions: l.WebSocketSessions, Sockets: l.Sockets,
		Tasks: l.Tasks, BlockedConnections: l.BlockedConnections, PendingBytes: l.PendingBytes,
		Wait: seconds(l.Wait), LateMax: seconds(l.LateMax), Held: l.Held,
		Begun: l.BegunPolling + l.BegunWebSocket, Upgraded: l.Upgraded, Events: l.Events, Deliveries: l.Deliveries,
		DroppedVolatile: l.DroppedVolatile, Dropped: l.Dropped, BytesIn: l.BytesIn, BytesOut: l.BytesOut, Writes: l.Writes,
	}
}

// getStats is GET /v1/stats. A loop that does not answer is part of what it tells, and no error.
func (a *API) getStats(ctx context.Context, _ *call, _ *struct{}) (*output[serverStats], error) {
	ctx, cancel := context.WithTimeout(ctx, statsTimeMax)
	defer cancel()
	counters, _ := a.cfg.Server.Stats(ctx)
	total := counters.Total()
	s := serverStats{
		Version: a.cfg.Version, Uptime: seconds(a.cfg.Now().Sub(a.started)), Draining: a.cfg.Server.Draining(),
		ConnectionsMax: a.cfg.Server.ConnectionsMax(), Namespaces: []namespaceStats{}, Total: loopStatsOf(&total), Loops: []loopStats{},
		Closed: words(counters.Closed), Refused: words(counters.Refused), Panics: counters.Panics, Streams: a.streams.count(),
	}
	for _, name := range a.cfg.Namespaces {
		n := a.namespaces[name]
		s.Namespaces = append(s.Namespaces, namespaceStats{name, n.SocketsCount(), n.RoomsCount()})
	}
	for i := range counters.Loops {
		s.Loops = append(s.Loops, loopStatsOf(&counters.Loops[i]))
	}
	if a.cfg.Process != nil {
		s.Process = a.cfg.Process()
	}
	return &output[serverStats]{s}, nil
}

// words makes names of the keys of a map.
func words[K ~string](m map[K]uint64) map[string]uint64 {
	named := make(map[string]uint64, len(m))
	for k, n := range m {
		named[string(k)] = n
	}
	return named
}
