package server_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"starling/internal/starlingtest"
)

// traveller is a Socket.IO client that begins by polling and goes over to a WebSocket as the stock client does, while
// messages go both ways all the time. Three goroutines have a part in it: one has a GET waiting, one POSTs, and one, which
// reads the WebSocket later, says what happens next.
type traveller struct {
	*starlingtest.Poller
	addr   string
	plan   plan
	random *rand.Rand // belongs to whoever runs it
	probes int        // WebSockets that were cut; likewise
	source *source
	crier  *crier
	loops  sync.WaitGroup

	mu      sync.Mutex
	changed sync.Cond
	phase   phase
	books   books
	out     []packet           // what waits for a POST, or for the WebSocket
	getting bool               // a GET is under way
	posting bool               // a POST is
	gets    int                // that were answered
	window  int                // own events that may be under way at a time
	quiet   bool               // nothing new is begun
	armed   moment             // a request is to be cut there
	cut     bool               // it has come to what the plan has
	end     error              // why it is over
	ws      *starlingtest.Conn // the transport, once it has gone over
}

// phase is where a traveller is.
type phase uint8

const (
	polls  phase = iota // GET and POST, one behind the other
	pauses              // those under way are the last: it is about to go over
	gone                // it has a WebSocket
	over                // the end
)

// packet is an Engine.IO packet of a client's: text, or an attachment.
type packet struct {
	text       string
	attachment bool
}

// polled is the packet in a payload.
func (p packet) polled() string {
	if p.attachment {
		return "b" + base64.StdEncoding.EncodeToString([]byte(p.text))
	}
	return p.text
}

// frame is the packet on a WebSocket.
func (p packet) frame() []byte {
	if p.attachment {
		return starlingtest.Masked(starlingtest.Binary, []byte(p.text))
	}
	return starlingtest.Masked(starlingtest.Text, []byte(p.text))
}

var (
	errHangs  = errors.New("nothing comes any more")
	errClosed = errors.New("the server has closed the session")
	errLeft   = errors.New("the client has left")
)

func newTraveller(addr string, p plan, s *source, c *crier) *traveller {
	v := &traveller{Poller: starlingtest.NewPoller(addr), addr: addr, plan: p, random: p.random(), source: s, crier: c}
	v.changed.L = &v.mu
	v.Brief = v.random.IntN(4) == 0
	v.window = 1 + v.random.IntN(6)
	v.books = books{
		echo: stream{name: "echo"}, work: stream{name: "work"}, push: stream{name: "push"},
		binary: v.random.IntN(4) == 0, source: s.id,
	}
	if v.random.IntN(2) == 0 {
		v.books.room = fmt.Sprintf("r%d", p.index)
	}
	return v
}

// enter begins the session and connects to the main namespace.
func (v *traveller) enter() error {
	if err := v.Handshake(); err != nil {
		return err
	}
	v.out = append(v.out, packet{text: "40"})
	v.loops.Go(v.keepGetting)
	v.loops.Go(v.keepPosting)
	if !v.await(func() bool { return v.books.id != "" }) {
		return v.reason()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.books.room == "" {
		v.pull(3)
	} else {
		v.put(packet{text: fmt.Sprintf(`42%d["join",%q]`, joinAck, v.books.room)})
	}
	if v.random.IntN(4) == 0 {
		v.work()
	}
	for range v.window {
		v.echo()
	}
	return nil
}

// await waits for something that the lock guards. It returns false when the traveller's end comes first.
func (v *traveller) await(ok func() bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for !ok() {
		if v.phase == over {
			return false
		}
		v.changed.Wait()
	}
	return true
}

// happened notes that it has come to what the plan has.
func (v *traveller) happened() {
	v.mu.Lock()
	v.cut = true
	v.changed.Broadcast()
	v.mu.Unlock()
}

func (v *traveller) reason() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return fmt.Errorf("%w, with %v", v.end, &v.books)
}

// stop ends everything; only the first reason counts. The caller holds the lock, as for all that follow here.
func (v *traveller) stop(why error) {
	if v.phase != over {
		v.phase, v.end = over, why
		v.changed.Broadcast()
	}
}

// put sends packets: at once over a WebSocket, else with the next POST.
func (v *traveller) put(packets ...packet) {
	if v.phase != gone {
		v.out = append(v.out, packets...)
		v.changed.Broadcast()
		return
	}
	for _, p := range packets {
		_, _ = v.ws.Write(p.frame()) // whoever reads learns of an error
	}
}

// echo emits the next event of its own.
func (v *traveller) echo() {
	v.books.echo.sent++
	switch n := v.books.echo.sent; v.books.form(n) {
	case withAck:
		v.put(packet{text: fmt.Sprintf(`42%d["echo",%d]`, n, n)})
	case withoutAck:
		v.put(packet{text: fmt.Sprintf(`42["echo",%d]`, n)})
	case withAttachment:
		head := packet{text: fmt.Sprintf(`451-%d["echo",{"_placeholder":true,"num":0}]`, n)}
		v.put(head, packet{text: fmt.Sprint(n), attachment: true})
	}
}

// work emits the next event for a handler off the loops.
func (v *traveller) work() {
	v.books.work.sent++
	n := v.books.work.sent
	v.put(packet{text: fmt.Sprintf(`42%d["work",%d]`, workAck+n, n)})
}

// pull has the source send n events more.
func (v *traveller) pull(n int) {
	for range n {
		v.books.push.sent++
		v.source.push(v.books.room, v.books.id, v.books.push.sent)
	}
}

// arrived takes the answer to a GET.
func (v *traveller) arrived(packets []string, err error) {
	v.gets++
	v.changed.Broadcast()
	for _, p := range packets {
		v.packet(p)
	}
	if err != nil {
		v.stop(err)
	}
}

// packet takes an Engine.IO packet.
func (v *traveller) packet(text string) {
	var err error
	switch {
	case text == "6":
	case text == "2":
		v.put(packet{text: "3"})
	case text == "1":
		v.stop(errClosed)
	case strings.HasPrefix(text, "4"):
		err = v.took(func() error { return v.books.message(text[1:]) })
	case strings.HasPrefix(text, "b"):
		data, bad := base64.StdEncoding.DecodeString(text[1:])
		err = errors.Join(bad, v.took(func() error { return v.books.attachment(string(data)) }))
	default:
		err = fmt.Errorf("got the packet %q", text)
	}
	if err != nil {
		v.stop(err)
	}
	v.changed.Broadcast()
}

// took enters something into the books, and begins the next of what came.
func (v *traveller) took(enter func() error) error {
	before, connected := v.books, v.books.id != ""
	if err := enter(); err != nil {
		return offence{err}
	}
	if !connected {
		v.books.cry.base = v.crier.sent()
		return nil
	}
	if v.quiet {
		return nil
	}
	for v.books.echo.sent-v.books.echo.seen < v.window {
		v.echo()
	}
	if v.books.work.seen > before.work.seen {
		v.work()
	}
	if v.books.push.seen > before.push.seen {
		v.pull(1)
	}
	if v.books.joined && !before.joined {
		v.pull(3)
	}
	return nil
}

// offence is something that the server must never do, whatever has become of the connections.
type offence struct{ error }

// keepGetting has a GET waiting for as long as the traveller polls.
func (v *traveller) keepGetting() {
	for v.mayGet() {
		packets, err := v.get()
		v.mu.Lock()
		v.arrived(packets, err)
		v.mu.Unlock()
	}
}

func (v *traveller) mayGet() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.getting = false
	v.changed.Broadcast()
	for v.phase == pauses {
		v.changed.Wait()
	}
	v.getting = v.phase == polls
	return v.getting
}

func (v *traveller) get() ([]string, error) {
	at, how := v.disarm(inGetHead, behindGet, probingGet)
	if at == never {
		return v.Get()
	}
	c, err := v.Down()
	if err != nil {
		return nil, err
	}
	err = how.send(c, v.GetRequest(), at == inGetHead, 0)
	v.ForgetDown()
	v.happened()
	return nil, err
}

// keepPosting POSTs what there is for as long as the traveller polls.
func (v *traveller) keepPosting() {
	for {
		batch := v.nextBatch()
		if batch == nil {
			return
		}
		if err := v.post(batch); err != nil {
			v.mu.Lock()
			v.stop(err)
			v.mu.Unlock()
		}
	}
}

// nextBatch waits for packets and takes them, now and then not all of them.
func (v *traveller) nextBatch() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.posting = false
	v.changed.Broadcast()
	for v.phase == pauses || v.phase == polls && len(v.out) == 0 {
		v.changed.Wait()
	}
	if v.phase != polls {
		return nil
	}
	v.posting = true
	n := len(v.out)
	if n > 1 && v.books.echo.seen%5 == 0 {
		n--
	}
	var batch []string
	for _, p := range v.out[:n] {
		batch = append(batch, p.polled())
	}
	v.out = v.out[n:]
	return batch
}

func (v *traveller) post(batch []string) error {
	at, how := v.disarm(inPostHead, behindPostHead, inPostBody, behindPost, probingPost)
	if at == never {
		return v.Post(batch...)
	}
	c, err := v.Up()
	if err != nil {
		return err
	}
	request := v.PostRequest(batch...)
	head := strings.Index(request, "\r\n\r\n") + len("\r\n\r\n")
	switch at {
	case inPostHead: // nobody has seen it, and so it may be sent again
		err = how.send(c, request[:head], true, 0)
		v.ForgetUp()
		v.happened()
		return errors.Join(err, v.Post(batch...))
	case behindPostHead:
		err = how.send(c, request[:head], false, 0)
	case behindPost:
		err = how.send(c, request, false, 0)
	default:
		err = how.send(c, request, true, head)
	}
	v.ForgetUp()
	v.happened()
	return err
}

// arm has the next GET or POST cut.
func (v *traveller) arm(at moment) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.armed = at
	if !v.quiet {
		v.echo() // so that there is one
	}
}

// disarm tells whether this is the request to cut.
func (v *traveller) disarm(kinds ...moment) (moment, scissors) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, at := range kinds {
		if at == v.armed {
			v.armed = never
			v.books.gaps = v.books.gaps || moments[at].fate != lives
			return at, scissors{v.plan.reset, rand.New(rand.NewPCG(v.plan.seed+1, v.plan.index))}
		}
	}
	return never, scissors{}
}

// keepReading takes what comes over the WebSocket.
func (v *traveller) keepReading() {
	for {
		f, err := v.ws.ReadFrame()
		v.mu.Lock()
		switch {
		case err != nil:
			v.stop(err)
		case f.Head == starlingtest.Text:
			v.packet(string(f.Payload))
		case f.Head == starlingtest.Binary:
			if err := v.took(func() error { return v.books.attachment(string(f.Payload)) }); err != nil {
				v.stop(err)
			}
		case f.Head == starlingtest.Close:
			v.stop(errClosed)
		default:
			v.stop(offence{fmt.Errorf("got a frame that begins with %x", f.Head)})
		}
		ends := v.phase == over
		v.mu.Unlock()
		if ends {
			return
		}
	}
}

// scissors cut connections.
type scissors struct {
	reset  bool
	random *rand.Rand
}

// send sends a text, or what of it ends at random behind the first so many bytes, and cuts.
func (s scissors) send(c *starlingtest.Conn, text string, within bool, behind int) error {
	if within {
		text = text[:behind+1+s.random.IntN(len(text)-behind-1)]
	}
	_, err := c.Write([]byte(text))
	s.cut(c)
	return err
}

func (s scissors) cut(c *starlingtest.Conn) {
	if s.reset {
		_ = c.Reset()
		return
	}
	c.Close()
}
