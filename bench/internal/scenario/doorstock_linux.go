package scenario

import (
	"bytes"

	"starling/bench/internal/flood"
	"starling/bench/internal/stock"
)

// stockDoor is the stock client's way in: it opens a session by long-polling, connects the namespace, and goes over to WebSocket. Then
// the client is done with, and the WebSocket is handed over to the keeper as if it had been there from the first. A member's first
// setback is the end of its attempt: whether it tries again is for the keeper to say.
type stockDoor struct {
	loop     *flood.Loop
	keeper   doorkeeper
	guests   *guests
	arriving map[int]*arriving
	replayNs int64  // when that came which the keeper is being told of; 0 if it has just come
	upgraded uint64 // members that have come in by enterAsking
	polled   uint64 // events that they were told of before they went over
}

// arriving is what is kept of a member on its way in, besides the guest.
type arriving struct {
	connect []byte  // the payload of the CONNECT packet
	early   []early // events and acks since then
	asks    []byte  // sent once it is connected, and answered before it goes over; nil for nothing
	stage   askingStage
	back    bool   // it is connected, and there is no upgrade any more to wait for
	failed  string // why it will not get in
}

// early is an event or an ack that has come before its member was in.
type early struct {
	packet []byte
	ns     int64
}

// askingStage is how far a member has come that asks for something on its way in.
type askingStage uint8

const (
	silent askingStage = iota // it asks for nothing, or has not yet
	asked
	answeredNow // and may go over
	goesOver
)

var (
	_ door = (*stockDoor)(nil)
	_ host = (*stockDoor)(nil)
)

// stockOptions are the stock client's own. Its delays do not count here: it never gets to its second attempt.
var stockOptions = stock.Options{Transport: stock.Default, Delay: stock.DelayDefault, DelayMax: stock.DelayMaxDefault}

// noUpgrade is why a member is refused that would have to stay with polling.
const noUpgrade = "no upgrade to WebSocket"

func newStockDoor(cfg *Config, s share, loop *flood.Loop, keeper doorkeeper) (*stockDoor, error) {
	d := &stockDoor{loop: loop, keeper: keeper, arriving: make(map[int]*arriving)}
	var err error
	if d.guests, err = newGuests(cfg, &stockOptions, s, loop, d); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *stockDoor) enter(i int) {
	d.arriving[i] = &arriving{}
	d.guests.add(i).Open()
}

// enterAsking is enter for a member that sends a packet as soon as it is connected, and begins its upgrade only when that has been
// answered: what the answer brings about is under way meanwhile. The packet is only lent.
func (d *stockDoor) enterAsking(i int, packet []byte) {
	d.arriving[i] = &arriving{asks: bytes.Clone(packet)}
	client := d.guests.add(i)
	client.HoldUpgrade()
	client.Open()
}

// replays is part of door.
func (d *stockDoor) replays() int64 { return d.replayNs }

func (d *stockDoor) cancel(i int) {
	if d.arriving[i] != nil {
		d.guests.cut(i, d.loop.Close)
		d.forget(i)
	}
}

func (d *stockDoor) due() int64 { return d.guests.due() }

func (d *stockDoor) watch() { d.guests.watch(flood.Now()) }

func (d *stockDoor) shut() {
	d.guests.shut()
	for i := range d.arriving {
		d.forget(i)
	}
}

// forget leaves nothing of a guest but its place in a list.
func (d *stockDoor) forget(i int) {
	d.guests.list[i] = nil
	delete(d.arriving, i)
}

// told is part of host.
func (d *stockDoor) told(i int, n stock.News) {
	a := d.arriving[i]
	switch n.Kind {
	case stock.Heard:
		a.hear(n.Packet)
	case stock.Back:
		a.back = true
	case stock.Missed, stock.Lost, stock.Fault, stock.Ended:
		if a.failed == "" {
			a.failed = n.About
		}
	}
}

// hear keeps what is the keeper's. What a server says before it has connected the namespace is for nobody, by either door.
func (a *arriving) hear(packet []byte) {
	switch {
	case packet[1] == '0': // CONNECT (Socket.IO v5)
		a.connect = bytes.Clone(packet[2:])
	case a.connect != nil:
		a.early = append(a.early, early{bytes.Clone(packet), flood.Now()})
		if a.stage == asked && packet[1] == '3' { // ACK (Socket.IO v5)
			a.stage = answeredNow
		}
	}
}

// stepped is part of host. The client is done with here, and not as soon as it has arrived: it may have something to send still.
func (d *stockDoor) stepped(i int) {
	a := d.arriving[i]
	if a.failed == "" && a.asks != nil {
		a.ask(&d.guests.list[i].client)
	}
	if a.back && a.failed == "" && !d.guests.list[i].client.OnWebSocket() {
		a.failed = noUpgrade
	}
	switch {
	case a.failed != "":
		d.guests.list[i].client.Quit()
		d.forget(i)
		d.keeper.refused(i, a.failed)
	case a.back && d.guests.list[i].conns[stock.Socket] != nil: // otherwise its end is on its way to the client
		d.admit(i, a)
	}
}

// ask does the next of what a member has to do that asks for something on its way in.
func (a *arriving) ask(client *stock.Client) {
	switch {
	case a.stage == silent && a.connect != nil:
		a.stage = asked
		client.Emit(a.asks)
	case a.stage == answeredNow:
		a.stage = goesOver
		client.Upgrade()
	}
}

// admit hands the WebSocket over with all that has come by then, in its order: what the client heard, and what was still on its way to
// it. None of it is looked at any more once the keeper has closed the connection.
func (d *stockDoor) admit(i int, a *arriving) {
	conn, rest := d.guests.handOver(i, d.keeper)
	d.forget(i)
	d.keeper.admitted(i, conn, a.connect)
	if a.asks != nil {
		d.upgraded++
		d.polled += uint64(len(a.early) - 1) // but for the answer
	}
	for _, e := range a.early {
		d.replayNs = e.ns
		d.loop.Replay(conn, e.packet)
	}
	d.replayNs = 0
	for _, packet := range rest {
		d.loop.Replay(conn, packet)
	}
}
