package scenario

import (
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// op names a step of a run. A command's name is what to do, an event's what has been done.
type op string

const (
	opConnect op = "connect" // dial the share; answered by opConnect when each connection is open or has failed
	opJoin    op = "join"    // become members of the rooms; answered by opJoin
	opBegin   op = "begin"   // a measured time begins, with what the agent has to do in it by a timetable; answered by opBegin
	opEcho    op = "echo"    // echo for a time; answered by opEcho when nothing is in flight any more
	opMute    op = "mute"    // have the slow members read no more; not answered
	opUnmute  op = "unmute"  // have them read again; not answered
	opStop    op = "stop"    // start no further echo, or wait for no more of a storm; not answered by itself
	opFinish  op = "finish"  // close the accounts once all has arrived that was sent; answered by opFinish
	opClose   op = "close"   // close all connections; answered by opClose
	opArm     op = "arm"     // expect to be cut off; answered by opArm, and by opStorm when all have come back after that
	opCut     op = "cut"     // cut all connections; not answered by itself
	opStorm   op = "storm"   // only an answer
	opProve   op = "prove"   // have each connection echo once; answered by opProve
	opQuit    op = "quit"    // end the agent; not answered

	opGone   op = "gone"   // a connection was lost for the first time
	opDied   op = "died"   // the agent itself has ended
	opCount  op = "count"  // members of a room have received a message
	opSecond op = "second" // a second has passed
)

// command is what the run tells an agent.
type command struct {
	Op      op
	For     time.Duration `json:",omitzero"` // opEcho
	StartNs int64         `json:",omitzero"` // opBegin: when the timetables begin
	FromNs  int64         `json:",omitzero"` // what was to be sent before is not measured: it was the warm-up
	EndNs   int64         `json:",omitzero"`
	Rooms   []uint32      `json:",omitzero"` // opFinish: the messages sent to each room
	Direct  []uint32      `json:",omitzero"` // and to each member alone
	LastNs  []int64       `json:",omitzero"` // when each room was written to last, where members come in meanwhile
}

// event is what an agent tells the run.
type event struct {
	Op     op
	Error  string  `json:",omitzero"` // opDied
	Part   *part   `json:",omitzero"` // what a step of this agent came to
	Second *second `json:",omitzero"` // opSecond

	Room  uint32 `json:",omitzero"` // opCount
	Seq   uint32 `json:",omitzero"`
	Count uint32 `json:",omitzero"`
}

// part is one agent's contribution to the report. Histograms travel in HDR's own encoding.
type part struct {
	Connected    int
	Failures     map[string]int // handshakes, by reason
	Handshake    []byte
	LastNs       int64 // when the last connection opened
	Disconnected map[string]int
	Refused      map[string]int `json:",omitzero"` // what the server acknowledged with an error, by what that says
	Stalled      string
	Tally        ledger.Tally
	Latency      []byte
	Crowd        *crowdPart `json:",omitzero"` // of a storm

	First       int      // the number of the agent's first connection
	IDs         []string `json:",omitzero"` // socket ids, if messages go to these
	Real        []byte   `json:",omitzero"` // opFinish: latencies from the actual send, and how late what the agent sends was sent
	Lag         []byte   `json:",omitzero"`
	Held        []byte   `json:",omitzero"` // and how late it read what had arrived
	Late        uint64   `json:",omitzero"`
	Unsent      uint64   `json:",omitzero"` // what was due when nobody was there to do it
	Churned     uint64   `json:",omitzero"`
	Reconnected uint64   `json:",omitzero"` // of those
	Upgraded    uint64   `json:",omitzero"` // of those that reconnected: in their rooms before they went over to WebSocket
	Polled      uint64   `json:",omitzero"` // messages that they got by then
	Rest        *second  `json:",omitzero"` // opFinish: the second that is not over
	HeardNs     int64    `json:",omitzero"` // when the last message arrived
	Unheard     []entry  `json:",omitzero"` // members that have come in and heard nothing yet
	Cut         int      `json:",omitzero"` // slow members that were disconnected
	Dropped     int      `json:",omitzero"` // connections that were lost and come back
}

// crowdPart is one crowd's contribution since it was armed.
type crowdPart struct {
	Upgraded, Proven int
	FirstNs          int64 // when the first client began its first attempt
	Requests         int
	Retries, Errors  map[string]int
	Attempt, Away    []byte
}

// holder holds a share of the connections on one loop: an agent, or the crowd of a storm.
type holder interface {
	handle(c command)
	watch()       // is called every turn
	due() int64   // when it is wanted next, on flood's clock; 0 if any time will do
	serve() error // runs it on a loop of its own until it is told to quit
	close()
}

func newHolder(cfg *Config, s share, window int, loop *flood.Loop, up upstream) (holder, error) {
	if cfg.Scenario == Storm {
		return newCrowd(cfg, s, window, loop, up)
	}
	return newAgent(cfg, s, window, loop, up)
}

// upstream is the way from an agent to its run. It is called on the agent's loop.
type upstream interface {
	emit(e event)
	// count says that so many members have received a message: the one event of the hot path.
	count(room, seq, members uint32)
}

// link is the way from a run to one of its agents. It is called on the run's loop.
type link interface {
	command(c command)
	// end ends the agent, of which nothing is heard afterwards, and waits for its end.
	end()
}

// localLink is an agent on the run's own loop: both ways are function calls.
type localLink struct{ agent holder }

func (l localLink) command(c command) { l.agent.handle(c) }
func (l localLink) end()              { l.agent.close() }

// threadLink is an agent on a loop of its own in this process.
type threadLink struct {
	agent holder
	loop  *flood.Loop
	ended chan struct{}
}

func startThread(cfg *Config, s share, window int, up upstream) (link, error) {
	loop, err := flood.NewLoop(cfg.target(), cfg.Mask)
	if err != nil {
		return nil, err
	}
	a, err := newHolder(cfg, s, window, loop, up)
	if err != nil {
		loop.Shut()
		return nil, err
	}
	l := &threadLink{agent: a, loop: loop, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		defer loop.Shut()
		if err := a.serve(); err != nil {
			up.emit(event{Op: opDied, Error: err.Error()})
		}
	}()
	return l, nil
}

func (l *threadLink) command(c command) { l.loop.Post(func() { l.agent.handle(c) }) }

func (l *threadLink) end() {
	l.command(command{Op: opQuit})
	<-l.ended
}

// postedUpstream carries events from another goroutine to the run's loop.
type postedUpstream struct {
	loop *flood.Loop
	run  upstream
}

func (u postedUpstream) emit(e event) { u.loop.Post(func() { u.run.emit(e) }) }

func (u postedUpstream) count(room, seq, members uint32) {
	u.loop.Post(func() { u.run.count(room, seq, members) })
}
