package main

import (
	"fmt"
	"strings"
	"time"
)

// cli is the command line.
type cli struct {
	Connect   connectCmd   `cmd:"" help:"Open N connections as fast as the window of handshakes allows, and close them."`
	Idle      idleCmd      `cmd:"" help:"Hold N connections and read the server's memory before, with and after them."`
	Broadcast broadcastCmd `cmd:"" help:"Send messages to a room of N members and check that each member gets each once and in order."`
	Rooms     roomsCmd     `cmd:"" help:"The same with many rooms in turn; a message that strays into another room is an error."`
	Echo      echoCmd      `cmd:"" help:"N connections send and get back, each with a fixed number of messages in flight."`
	Storm     stormCmd     `cmd:"" set:"connections=10000" help:"Cut off N stock clients at once, by killing the server unless told otherwise, and measure until all have come back."`
	Limit     limitCmd     `cmd:"" help:"Be the raw server that others are compared with: one write for each delivery, no library."`
	Worker    workerCmd    `cmd:"" hidden:"" help:"Be one of several client processes."`
}

// target is what all scenarios are told.
type target struct {
	URL       string `help:"Server, as http://127.0.0.1:3000; the path is /socket.io/ unless given."`
	Pid       int    `help:"Process of the server, whose processor time and memory are read."`
	Protocol  string `help:"What is spoken over WebSocket: ${enum}." enum:"socketio,raw" default:"socketio"`
	ServerCmd string `help:"Start the server with this shell command, GOMAXPROCS set to the number of its processors or 1, and end it afterwards."`
	ServerCPU string `name:"server-cpu" help:"Processors for a server that is started here, as 0 or 0,2 or 1-3."`
	ClientCPU string `name:"client-cpu" help:"Processors for the client; with --procs one for each in turn."`

	SpawnLimit bool `help:"First run the scenario against a fresh limit server, and report the ratio."`

	Connections int           `name:"connections" short:"n" default:"${connections}" help:"Connections."`
	Src         string        `help:"Source addresses: 127.0.0.2-127.0.0.6, 127.0.1.0/24, or several with commas between. To a server on loopback one for each 5,000 connections unless given, of which a client of a storm makes ten."`
	Concurrency int           `default:"128" help:"Handshakes in flight."`
	Threads     int           `default:"1" help:"Event loops of the client."`
	Procs       int           `default:"1" help:"Client processes with one event loop each, for more connections than one may have descriptors."`
	Timeout     time.Duration `default:"60s" help:"Give up when nothing has moved for this long."`
}

type connectCmd struct {
	target `embed:""`
	Repeat int `default:"1" help:"Rounds."`
}

type idleCmd struct {
	target `embed:""`
	Settle time.Duration `default:"10s" help:"Wait this long before the memory is read."`
	Hold   time.Duration `default:"0s" help:"Stay this long afterwards."`
	After  time.Duration `default:"60s" help:"Follow the memory for this long once all have left."`
}

// flow is what the scenarios with traffic are told.
type flow struct {
	Depth    int           `default:"1" help:"Messages in flight: in all rooms together, or on each echoing connection."`
	Size     int           `default:"64" help:"Bytes of payload, less the protocol around it."`
	Duration time.Duration `help:"How long to send (10s, unless --messages is given)."`
}

type broadcastCmd struct {
	target   `embed:""`
	flow     `embed:""`
	Messages uint64 `help:"Messages to send; 0 for as many as the duration allows."`
}

type roomsCmd struct {
	target   `embed:""`
	flow     `embed:""`
	Messages uint64 `help:"Messages to send; 0 for as many as the duration allows."`
	Rooms    int    `default:"100" help:"Rooms."`
	Members  int    `default:"10" help:"Members of each room; there are rooms x members connections, whatever -n says."`
}

type echoCmd struct {
	target `embed:""`
	flow   `embed:""`
	Event  string `default:"echo" help:"Name of the event that the server acknowledges with its argument."`
}

type stormCmd struct {
	target    `embed:""`
	Server    []string      `name:"server" sep:"none" placeholder:"NAME=CMD" help:"Run the storm against each of several servers in turn, and compare them: a name and the shell command that starts it, in which {addr} stands for the address of --url. In place of --server-cmd."`
	Transport string        `help:"What the clients' option transports says: ${enum}. By default they poll first and then upgrade." enum:"default,websocket,polling" default:"default"`
	Cut       string        `help:"Who cuts the clients off: the ${enum}. The server is killed (SIGKILL) and started again." enum:"server,client" default:"server"`
	RST       bool          `name:"rst" help:"With --cut client: reset the connections (RST), do not close them (FIN)."`
	Delay     time.Duration `name:"reconnection-delay" default:"1s" help:"What the clients' option reconnectionDelay says: half of it to one and a half pass before the first attempt."`
	DelayMax  time.Duration `name:"reconnection-delay-max" default:"5s" help:"And reconnectionDelayMax."`
	RTT       time.Duration `name:"rtt" help:"How far away the clients are: all that a server sends reaches them so much later. What they ask meanwhile depends on it."`
	Within    time.Duration `default:"2m" help:"Wait no longer than this from the cut on for the clients to come back."`
	Down      time.Duration `help:"With --cut server: start it again only after this time."`
	Echo      bool          `default:"true" negatable:"" help:"Have each client echo once when all are back, which is not part of what is measured."`
}

type limitCmd struct {
	Addr string `default:"127.0.0.1:0" help:"Address to listen on."`
	CPU  string `name:"cpu" help:"Processors to run on."`
}

type workerCmd struct{}

// durationDefault is how long a scenario with traffic lasts if nobody says.
const durationDefault = 10 * time.Second

// complete fills in the duration: a number of messages is not cut short by a default.
func (f *flow) complete(messages uint64) {
	if f.Duration == 0 && messages == 0 {
		f.Duration = durationDefault
	}
}

// check finds what no parser of flags can: numbers that are possible alone but not together.
func (t *target) check() error {
	switch {
	case t.URL == "" && !t.SpawnLimit:
		return fmt.Errorf("%w: --url is missing (or --spawn-limit alone)", errUsage)
	case t.URL == "" && (t.ServerCmd != "" || t.Pid != 0):
		return fmt.Errorf("%w: --url is missing", errUsage)
	case t.ServerCmd != "" && t.Pid != 0:
		return fmt.Errorf("%w: --pid and --server-cmd exclude each other", errUsage)
	case t.Connections < 1:
		return fmt.Errorf("%w: -n must be at least 1", errUsage)
	case t.Concurrency < 1 || t.Threads < 1 || t.Procs < 1:
		return fmt.Errorf("%w: --concurrency, --threads and --procs must be at least 1", errUsage)
	case t.Threads > 1 && t.Procs > 1:
		return fmt.Errorf("%w: --threads and --procs exclude each other; --procs does what --threads does", errUsage)
	case max(t.Threads, t.Procs) > t.Connections:
		return fmt.Errorf("%w: more event loops than connections", errUsage)
	case t.Timeout <= 0:
		return fmt.Errorf("%w: --timeout must be more than 0", errUsage)
	}
	return nil
}

// named is a server that is started here: its name in the report, and the shell command.
type named struct{ name, command string }

// servers are the servers of a storm, none if it is one that runs already.
func (c *stormCmd) servers() ([]named, error) {
	if c.ServerCmd != "" {
		return []named{{"server", c.ServerCmd}}, nil
	}
	var all []named
	for _, s := range c.Server {
		name, command, ok := strings.Cut(s, "=")
		if !ok || name == "" || command == "" {
			return nil, fmt.Errorf("%w: --server must be NAME=CMD, not %q", errUsage, s)
		}
		all = append(all, named{name, command})
	}
	return all, nil
}

// check finds what does not go together in a storm.
func (c *stormCmd) check() error {
	switch {
	case c.SpawnLimit || c.Protocol != "socketio":
		return fmt.Errorf("%w: storm speaks Socket.IO alone, not the limit's raw protocol", errUsage)
	case len(c.Server) > 0 && (c.ServerCmd != "" || c.Pid != 0):
		return fmt.Errorf("%w: --server excludes --server-cmd and --pid", errUsage)
	case c.Cut == "server" && len(c.Server) == 0 && c.ServerCmd == "":
		return fmt.Errorf("%w: --cut server kills the server and starts it again: --server-cmd or --server is missing", errUsage)
	case c.RST && c.Cut != "client":
		return fmt.Errorf("%w: --rst is for --cut client", errUsage)
	case c.Delay < time.Millisecond || c.DelayMax < c.Delay:
		return fmt.Errorf("%w: --reconnection-delay must be at least 1ms, and --reconnection-delay-max no less", errUsage)
	case c.RTT < 0 || c.Within <= 0:
		return fmt.Errorf("%w: --rtt must not be negative, and --within must be more than 0", errUsage)
	case c.Down < 0 || c.Down > 0 && c.Cut != "server":
		return fmt.Errorf("%w: --down is for --cut server, and not negative", errUsage)
	}
	return nil
}

// check knows the bounds of the accounts: streams is how many streams share the depth.
func (f *flow) check(streams, depthMax, sizeMin int) error {
	switch {
	case f.Depth < 1 || (f.Depth+streams-1)/streams > depthMax:
		return fmt.Errorf("%w: --depth must be 1 to %d", errUsage, depthMax*streams)
	case f.Size < sizeMin:
		return fmt.Errorf("%w: --size must be at least %d, which is what the accounts need", errUsage, sizeMin)
	case f.Duration < 0:
		return fmt.Errorf("%w: --duration must not be negative", errUsage)
	}
	return nil
}
