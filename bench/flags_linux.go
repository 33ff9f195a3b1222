package main

import (
	"fmt"
	"strings"
	"time"

	"starling/bench/internal/chaos"
	"starling/bench/internal/scenario"
)

// cli is the command line.
type cli struct {
	Connect   connectCmd   `cmd:"" help:"Open N connections as fast as the window of handshakes allows, or at a rate, and close them."`
	Idle      idleCmd      `cmd:"" help:"Hold N connections and read the server's memory before, with and after them."`
	Broadcast broadcastCmd `cmd:"" help:"Send messages to a room of N members and check that each member gets each once and in order."`
	Rooms     roomsCmd     `cmd:"" help:"The same with many rooms; a message that strays into another room is an error."`
	Direct    directCmd    `cmd:"" help:"Send messages to single members by their socket ids, at a rate."`
	Echo      echoCmd      `cmd:"" aliases:"ack" help:"N connections emit and are acknowledged, each with a fixed number of messages in flight, or all at a rate."`
	Churn     churnCmd     `cmd:"" help:"Send to rooms at a rate while members leave, join, and connect anew."`
	Slow      slowCmd      `cmd:"" help:"Send to a room at a rate while a share of its members does not read."`
	Mix       mixCmd       `cmd:"" help:"Messages to rooms and to single members, echoes and churn at once, each at its rate."`
	Soak      soakCmd      `cmd:"" set:"duration=1h" help:"The same for hours, with the trend of the server's memory."`
	FindMax   findMaxCmd   `cmd:"" help:"Search the highest rate of messages at which the 99th percentile stays under a limit and nothing is lost."`
	Chaos     chaosCmd     `cmd:"" help:"Send to a room at a rate while the server is paused, killed or attacked by a schedule."`
	Storm     stormCmd     `kong:"cmd,set='connections=10000',set='transport=default',set='transports=default,websocket,polling',help='Cut off N stock clients at once, by killing the server unless told otherwise, and measure until all have come back.'"`
	Suite     suiteCmd     `cmd:"" set:"connections=2000" help:"A few minutes of everything against one server, for one report."`
	Table     tableCmd     `cmd:"" help:"Set servers side by side: the same scenarios for each in turn, in several rounds."`
	Compare   compareCmd   `cmd:"" help:"Compare the results in two output folders."`
	Limit     limitCmd     `cmd:"" help:"Be the raw server that others are compared with: one write for each delivery, no library."`
}

// target is what all scenarios are told.
type target struct {
	URL       string `help:"Server, as http://127.0.0.1:3000; the path is /socket.io/ unless given."`
	Pid       int    `help:"Process of the server, whose processor time and memory are read."`
	Protocol  string `help:"What is spoken over WebSocket: ${enum}." enum:"socketio,raw,centrifuge" default:"socketio"`
	Transport string `help:"How Socket.IO clients come: ${enum}. With default they poll first and then upgrade, as the stock client does." enum:"${transports}" default:"${transport}"`

	Auth string `placeholder:"JSON" help:"Who the clients are: the payload of their CONNECT packets, as the stock client's option auth. {n} in it is replaced by the number of the connection."`

	ServerCmd   string `help:"Start the server with this shell command, GOMAXPROCS set to the number of its processors or 1, and end it afterwards."`
	ServerProcs int    `default:"1" help:"Start that many of them, which share the address."`
	ServerCPU   string `name:"server-cpu" help:"Processors for a server that is started here, as 0 or 0,2 or 1-3."`
	ClientCPU   string `name:"client-cpu" help:"Processors for the client; with --procs one for each in turn."`
	Name        string `default:"server" help:"What the server is called in the report."`

	SpawnLimit bool `help:"First run the scenario against a fresh limit server, and report the ratio."`

	Connections int           `name:"connections" short:"n" default:"${connections}" help:"Connections."`
	Src         string        `help:"Source addresses: 127.0.0.2-127.0.0.6, 127.0.1.0/24, or several with commas between. To a server on loopback one for each 5,000 connections unless given, of which a client of a storm makes ten."`
	Concurrency int           `default:"128" help:"Handshakes in flight."`
	Ramp        float64       `help:"Connections a second, whatever becomes of those before; 0 for as many as --concurrency allows."`
	Seed        uint64        `default:"1" help:"Of all that is random in the run."`
	Threads     int           `default:"1" help:"Event loops of the client."`
	Procs       int           `default:"1" help:"Client processes with one event loop each, for more connections than one may have descriptors."`
	Timeout     time.Duration `default:"60s" help:"Give up when nothing has moved for this long."`

	output `embed:""`
	Repeat int `default:"1" help:"Do it so many times, each with a server of its own if it is started here."`

	chaos chaos.Schedule // what happens meanwhile; nil for nothing
}

// output is what all scenarios are told about their results.
type output struct {
	Out    string   `type:"path" placeholder:"DIR" help:"Write summary.json, summary.md, timeline.csv, the histograms and report.html there."`
	Assert []string `sep:"none" placeholder:"EXPR" help:"What must hold, or the exit status is 1: p99<20ms, lost=0, rss_per_conn<2KiB. Several may be given."`
	Quiet  bool     `help:"Show no progress."`
}

type connectCmd struct {
	target `embed:""`
	Rounds int `default:"1" help:"Rounds with one server."`
}

type idleCmd struct {
	target `embed:""`
	Settle time.Duration `default:"10s" help:"Wait this long before the memory is read."`
	Hold   time.Duration `default:"0s" help:"Stay this long afterwards."`
	After  time.Duration `default:"60s" help:"Follow the memory for this long once all have left."`
}

// flow is what the scenarios with traffic are told.
type flow struct {
	Size      int           `default:"64" help:"Bytes of payload, less the protocol around it."`
	Warmup    time.Duration `default:"${warmup}" help:"Send for this long before anything is measured."`
	Duration  time.Duration `default:"${duration}" help:"How long to send (10s, unless --messages is given)."`
	LateAfter time.Duration `default:"1s" help:"With a timetable: what takes longer counts as late."`
}

// depth is what those are told that can also send in answer to what has arrived.
type depth struct {
	Depth int     `default:"1" help:"Messages in flight: in all rooms together, or on each echoing connection. Not with --rate."`
	Rate  float64 `help:"Messages a second, on a timetable that does not wait for anybody; latencies count from the intended time. 0 for as many as --depth allows."`
}

// publishers are what those are told that send to rooms by a timetable.
type publishers struct {
	Publishers int     `default:"1" help:"With a timetable: connections that send, each to rooms of its own."`
	Zipf       float64 `help:"With a timetable: write to the first rooms more often than to the last, by Zipf's law with this exponent (more than 1); 0 for all alike."`
}

// layout is how many rooms there are.
type layout struct {
	Rooms   int `default:"100" help:"Rooms."`
	Members int `default:"10" help:"Members of each room; there are rooms x members connections, whatever -n says."`
}

type broadcastCmd struct {
	target     `embed:""`
	flow       `embed:""`
	depth      `embed:""`
	publishing `embed:""`
	Messages   uint64 `help:"Messages to send; 0 for as many as the duration allows. Not with --rate."`
}

type roomsCmd struct {
	target     `embed:""`
	flow       `embed:""`
	depth      `embed:""`
	publishers `embed:""`
	publishing `embed:""`
	layout     `embed:""`
	Messages   uint64 `help:"Messages to send; 0 for as many as the duration allows. Not with --rate."`
}

type directCmd struct {
	target     `embed:""`
	flow       `embed:""`
	publishing `embed:""`
	Rate       float64 `default:"1000" help:"Messages a second."`
	Publishers int     `default:"1" help:"Connections that send."`
}

type echoCmd struct {
	target `embed:""`
	flow   `embed:""`
	depth  `embed:""`
	Event  string `default:"echo" help:"Name of the event that the server acknowledges with its argument."`
}

// comings are what those are told whose members come and go.
type comings struct {
	ChurnRate      float64 `default:"100" help:"Members that leave and come again, a second."`
	ChurnShare     float64 `default:"0.2" help:"Share of the members that do."`
	ReconnectShare float64 `default:"0.3" help:"Share of the churn that closes the connection and opens another; the rest leaves the room and joins it again."`
}

type churnCmd struct {
	target     `embed:""`
	flow       `embed:""`
	publishers `embed:""`
	layout     `embed:""`
	comings    `embed:""`
	Rate       float64 `default:"100" help:"Messages a second."`
}

type slowCmd struct {
	target `embed:""`
	flow   `embed:""`
	Rate   float64 `default:"20" help:"Messages a second."`
	Share  float64 `default:"0.05" help:"Share of the members that stop reading when the measurement begins."`
}

// blend is the traffic of a mix.
type blend struct {
	publishers `embed:""`
	publishing `embed:""`
	layout     `embed:""`
	comings    `embed:""`
	Rate       float64 `default:"100" help:"Messages to rooms a second."`
	DirectRate float64 `default:"100" help:"Messages to single members a second."`
	EchoRate   float64 `default:"200" help:"Echoes a second."`
	Event      string  `default:"echo" help:"Name of the event that the server acknowledges with its argument."`
}

type mixCmd struct {
	target `embed:""`
	flow   `embed:""`
	blend  `embed:""`
}

type soakCmd struct {
	target     `embed:""`
	flow       `embed:""`
	blend      `embed:""`
	Deliveries uint64 `help:"End after so many deliveries, and fail if there are fewer by the end of --duration. Messages go to the rooms alone, the next when an earlier one has reached those who stay, and not by a timetable: it is about what is lost, not how late."`
	Depth      int    `help:"With --deliveries: messages in flight, in all rooms together. 0 for 16 in each."`
}

type chaosCmd struct {
	target   `embed:""`
	flow     `embed:""`
	Rate     float64 `default:"50" help:"Messages a second."`
	Schedule string  `name:"schedule" default:"5s:pause=500ms,10s:slow=5%:5s" help:"What happens when and for how long: 5s:pause=500ms,10s:kill,20s:slow=5%:10s,20s:malformed=200/s:10s. For kill and restart the server must be started here."`
}

type findMaxCmd struct {
	target     `embed:""`
	Size       int `default:"64" help:"Bytes of payload, less the protocol around it."`
	publishers `embed:""`
	publishing `embed:""`
	Rooms      int           `default:"1" help:"Rooms, over which the connections are spread."`
	P99        time.Duration `name:"p99" default:"20ms" help:"What the 99th percentile must stay under."`
	Rate       float64       `default:"10" help:"The rate to begin with, in messages a second."`
	Step       time.Duration `default:"3s" help:"How long a rate is tried, behind a second of warm-up."`
}

type stormCmd struct {
	target   `embed:""`
	Server   []string      `name:"server" sep:"none" placeholder:"NAME=CMD" help:"Run the storm against each of several servers in turn, and compare them: a name and the shell command that starts it, in which {addr} stands for the address of --url. In place of --server-cmd."`
	Cut      string        `help:"Who cuts the clients off: the ${enum}. The server is killed (SIGKILL) and started again." enum:"server,client" default:"server"`
	RST      bool          `name:"rst" help:"With --cut client: reset the connections (RST), do not close them (FIN)."`
	Delay    time.Duration `name:"reconnection-delay" default:"1s" help:"What the clients' option reconnectionDelay says: half of it to one and a half pass before the first attempt."`
	DelayMax time.Duration `name:"reconnection-delay-max" default:"5s" help:"And reconnectionDelayMax."`
	RTT      time.Duration `name:"rtt" help:"How far away the clients are: all that a server sends reaches them so much later. What they ask meanwhile depends on it."`
	Within   time.Duration `default:"2m" help:"Wait no longer than this from the cut on for the clients to come back."`
	Down     time.Duration `help:"With --cut server: start it again only after this time."`
	Echo     bool          `default:"true" negatable:"" help:"Have each client echo once when all are back, which is not part of what is measured."`
}

type suiteCmd struct {
	target `embed:""`
}

type tableCmd struct {
	output        `embed:""`
	Server        []string      `name:"server" sep:"none" placeholder:"NAME=PROTOCOL:CMD" help:"A server: its name, what it speaks (socketio, raw, centrifuge), and the shell command that starts it, in which {addr} stands for --addr. The others are compared with the first."`
	Addr          string        `default:"127.0.0.1:18080" help:"Where they listen, one after the other."`
	Members       int           `short:"n" default:"10000" help:"Connections, where a row does not say otherwise."`
	Rounds        int           `default:"3" help:"Rounds."`
	Duration      time.Duration `default:"2s" help:"How long each measurement lasts, those at a rate twice as long."`
	BroadcastRate float64       `default:"40" help:"Messages a second to a room of 1,000, for the latencies."`
	RoomsRate     float64       `default:"5000" help:"Messages a second to 100 rooms of 10, for the latencies."`
	ServerCPU     string        `name:"server-cpu" help:"Processors for the servers."`
	ClientCPU     string        `name:"client-cpu" help:"Processors for the client."`
	Timeout       time.Duration `default:"60s" help:"Give up when nothing has moved for this long."`
	Only          []string      `placeholder:"ROW" help:"Measure these rows alone, of idle, connect, broadcast 1, broadcast 16, rooms, echo, broadcast rate, rooms rate."`
	Markdown      string        `type:"path" placeholder:"FILE" help:"Write the table into this file, between its marks. Rows that are not measured stay as they are."`
}

type compareCmd struct {
	Before   string   `arg:"" type:"existingdir" help:"Output folder."`
	After    string   `arg:"" type:"existingdir" help:"Output folder of the same scenarios."`
	FailIf   []string `sep:"none" placeholder:"EXPR" help:"Changes for which the exit status is 1: p99>+10%, rss_per_conn>+5%. Several may be given."`
	JSON     bool     `name:"json" xor:"form" help:"Write JSON, not a table."`
	Markdown bool     `xor:"form" help:"Write Markdown."`
}

type limitCmd struct {
	Addr string `default:"127.0.0.1:0" help:"Address to listen on."`
	CPU  string `name:"cpu" help:"Processors to run on."`
}

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
	case t.Ramp < 0:
		return fmt.Errorf("%w: --ramp must not be negative", errUsage)
	case t.Repeat < 1 || t.ServerProcs < 1:
		return fmt.Errorf("%w: --repeat and --server-procs must be at least 1", errUsage)
	case t.ServerProcs > 1 && t.ServerCmd == "":
		return fmt.Errorf("%w: --server-procs is for --server-cmd", errUsage)
	case t.Auth != "" && (t.Protocol != "socketio" || !isAuth(t.Auth)):
		return fmt.Errorf("%w: --auth must be a JSON object, for Socket.IO", errUsage)
	case t.Transport != scenario.WebSocket && t.Protocol != "socketio":
		return fmt.Errorf("%w: --transport default is Socket.IO's", errUsage)
	}
	return nil
}

// named is a server that is started here: its name in the report, and the shell command.
type named struct{ name, command string }

// servers are the servers of a storm, none if it is one that runs already.
func (c *stormCmd) servers() ([]named, error) {
	if c.ServerCmd != "" {
		return []named{{c.Name, c.ServerCmd}}, nil
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

// check knows the bounds of the accounts.
func (f *flow) check() error {
	switch {
	case f.Size < scenario.PayloadBytesMin:
		return fmt.Errorf("%w: --size must be at least %d, which is what the accounts need", errUsage, scenario.PayloadBytesMin)
	case f.Duration < 0 || f.Warmup < 0 || f.LateAfter < 0:
		return fmt.Errorf("%w: --duration, --warmup and --late-after must not be negative", errUsage)
	}
	return nil
}

// check knows the bounds of the accounts: streams is how many streams share the depth.
func (d *depth) check(streams int) error {
	switch {
	case d.Rate < 0:
		return fmt.Errorf("%w: --rate must not be negative", errUsage)
	case d.Depth < 1 || (d.Depth+streams-1)/streams > scenario.DepthMax:
		return fmt.Errorf("%w: --depth must be 1 to %d", errUsage, scenario.DepthMax*streams)
	}
	return nil
}

// depthOfRoom is how many messages are in flight in each room unless it is said.
const depthOfRoom = 16

// account is the run for a number of deliveries.
func (c *soakCmd) account() (scenario.Config, error) {
	cfg := scenario.Config{
		Scenario: scenario.Soak, Rooms: c.Rooms, Connections: c.Rooms * c.Members, Deliveries: c.Deliveries, Depth: c.Depth,
	}
	c.comings.set(&cfg)
	if cfg.Depth == 0 {
		cfg.Depth = depthOfRoom * c.Rooms
	}
	d := depth{Depth: cfg.Depth}
	switch {
	case c.Publishers > 1 || c.Zipf > 0 || c.Warmup > 0 || c.API != "":
		return cfg, fmt.Errorf("%w: --deliveries excludes --publishers, --zipf, --warmup and --api", errUsage)
	case c.Protocol != "socketio":
		return cfg, fmt.Errorf("%w: --deliveries is for Socket.IO", errUsage)
	case !cfg.Stay():
		return cfg, fmt.Errorf("%w: with --deliveries somebody has to stay in each room: a lower --churn-share, or more --members", errUsage)
	}
	return cfg, d.check(c.Rooms)
}

func (p *publishers) check() error {
	if p.Publishers < 1 || p.Zipf != 0 && p.Zipf <= 1 {
		return fmt.Errorf("%w: --publishers must be at least 1, and --zipf more than 1 or 0", errUsage)
	}
	return nil
}

func (l *layout) check() error {
	if l.Rooms < 1 || l.Members < 1 {
		return fmt.Errorf("%w: --rooms and --members must be at least 1", errUsage)
	}
	return nil
}

func (c *comings) check() error {
	if c.ChurnRate < 0 || c.ChurnShare < 0 || c.ChurnShare > 1 || c.ReconnectShare < 0 || c.ReconnectShare > 1 {
		return fmt.Errorf("%w: --churn-rate must not be negative, --churn-share and --reconnect-share must be 0 to 1", errUsage)
	}
	return nil
}

// positive is for rates without which there is nothing to do.
func positive(name string, rate float64) error {
	if rate <= 0 {
		return fmt.Errorf("%w: %s must be more than 0", errUsage, name)
	}
	return nil
}
