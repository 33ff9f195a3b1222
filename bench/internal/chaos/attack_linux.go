package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/rawio"
	"starling/bench/internal/source"
	"starling/wsproto"
)

// ErrTarget means that an attack does not know whom to attack.
var ErrTarget = errors.New("chaos: the target has no address or protocol")

// Target is whom attacks are aimed at.
type Target struct {
	Addr       netip.AddrPort
	Host, Path string // as of flood.Target
	Protocol   flood.Protocol
	Sources    source.Pool
	// Rooms are what slow consumers join, in turn: names of rooms, or of a raw server the numbers in eight hexadecimal digits. Without
	// any, being connected is enough.
	Rooms []string
	// Seed chooses the order of malformed inputs.
	Seed uint64
}

// The sizes of an attack's loop.
const (
	batchMax   = 256 // events and connects in one turn
	inputBytes = 64 << 10
	headersMax = 64 << 10 // of an answer that is being awaited
)

// readLimits bound what a server may send in one message.
var readLimits = wsproto.Limits{MessageBytesMax: 64 << 20, FragmentsMax: wsproto.FragmentsMax}

// Attack is one that goes on. Its goroutine has a thread to itself, whose processor time is known and told.
type Attack struct {
	spec    Spec
	again   bool
	plan    plan
	raw     bool
	target  Target
	to      unix.Sockaddr
	family  int
	request []byte // for the upgrade
	order   []int  // of the inputs
	tuning

	epfd   int
	wake   int
	events [batchMax]unix.EpollEvent
	in     [inputBytes]byte

	slots   []*conn // by number in epoll's data
	free    []int32
	alive   []*conn // in no order
	nextNs  int64   // when another connection may begin
	beatNs  int64
	beatDue float64 // beats that are due, the fraction of one too
	cursor  int     // whose beat it is, in alive

	outcome  Outcome
	took     *ledger.Latency
	done     chan struct{}
	stopping sync.Once
}

// tuning is what tests want otherwise.
type tuning struct {
	inputs    []input // of the kind Malformed
	keptAfter time.Duration
	watching  func(*Outcome) // how the attack stands, after each turn of its loop; nil for nobody
}

// Start begins an attack. Its Spec has a number of connections, no share (see Among). Whoever starts it has to stop it.
func Start(spec Spec, target Target) (*Attack, error) {
	inputs := malformed(target.Host, target.Path, target.Protocol == flood.Raw)
	return start(spec, target, tuning{inputs: inputs, keptAfter: keptAfter})
}

func start(spec Spec, target Target, as tuning) (*Attack, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	if !target.Addr.IsValid() || target.Protocol != flood.SocketIO && target.Protocol != flood.Raw {
		return nil, ErrTarget
	}
	a := &Attack{plan: plans[spec.Kind], raw: target.Protocol == flood.Raw, target: target, tuning: as}
	a.spec, a.again = spec.complete()
	a.outcome = Outcome{Kind: spec.Kind, Refused: map[string]int{}, Closed: map[string]int{}, Kept: map[string]int{}}
	a.took, a.done = ledger.NewLatency(), make(chan struct{})
	a.order = rand.New(rand.NewPCG(target.Seed, 0)).Perm(len(as.inputs))
	a.family, a.to = unix.AF_INET6, &unix.SockaddrInet6{Addr: target.Addr.Addr().As16(), Port: int(target.Addr.Port())}
	if target.Addr.Addr().Is4() {
		a.family, a.to = unix.AF_INET, &unix.SockaddrInet4{Addr: target.Addr.Addr().As4(), Port: int(target.Addr.Port())}
	}
	path := target.Path
	if !a.raw {
		path += "?EIO=4&transport=websocket"
	}
	a.request = wsproto.AppendUpgradeRequest(nil, target.Host, path, flood.UpgradeKey)
	if err := a.open(); err != nil {
		return nil, err
	}
	go a.run()
	return a, nil
}

// wakeSlot marks the event that ends the loop.
const wakeSlot = -1

func (a *Attack) open() (err error) {
	if a.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("chaos: epoll_create: %w", err)
	}
	if a.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		unix.Close(a.epfd)
		return fmt.Errorf("chaos: eventfd: %w", err)
	}
	if err = unix.EpollCtl(a.epfd, unix.EPOLL_CTL_ADD, a.wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeSlot}); err != nil {
		unix.Close(a.wake)
		unix.Close(a.epfd)
		return fmt.Errorf("chaos: epoll_ctl: %w", err)
	}
	return nil
}

// Stop ends the attack, closes what it has open, and says what it came to. It may be called again, from any goroutine.
func (a *Attack) Stop() Outcome {
	a.stopping.Do(func() {
		rawio.Write(int32(a.wake), []byte{1, 0, 0, 0, 0, 0, 0, 0})
		<-a.done
		unix.Close(a.wake)
	})
	return a.outcome
}

func (a *Attack) run() {
	defer close(a.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadCPU()
	a.nextNs, a.beatNs = flood.Now(), flood.Now()
	for a.turn() {
		now := flood.Now()
		a.dial(now)
		a.beat(now)
		if a.watching != nil {
			a.watching(&a.outcome)
		}
	}
	a.finish()
	a.outcome.CPU = threadCPU() - before
}

// turn waits for what happens next; it is false if the attack is over.
func (a *Attack) turn() bool {
	n, err := rawio.Wait(a.epfd, a.events[:], a.patience())
	if err != nil {
		a.outcome.Error = fmt.Sprintf("epoll_wait: %v", err)
		return false
	}
	for _, e := range a.events[:n] {
		if e.Fd == wakeSlot {
			return false
		}
		if c := a.slots[e.Fd]; c != nil { // nil if an event before it, of the same turn, has closed it
			a.ready(c, e.Events)
		}
	}
	return true
}

// beatGrain is how often the loop gets up for beats: many connections have theirs together, and none has to be punctual. If there is
// nothing to do at all it gets up after idleMax.
const (
	beatGrain = 10 * time.Millisecond
	idleMax   = time.Second
)

// patience is how many nanoseconds nothing but an event is to be done.
func (a *Attack) patience() int64 {
	wait := int64(idleMax)
	if a.wants() {
		wait = min(wait, max(a.nextNs-flood.Now(), 0))
	}
	if n := len(a.alive); a.plan.beat != nil && n > 0 {
		wait = min(wait, max(int64(a.plan.every)/int64(n), int64(beatGrain)))
	}
	return wait
}

// wants says whether another connection is to be made.
func (a *Attack) wants() bool {
	return len(a.alive) < a.spec.Connections && (a.again || a.outcome.Attempts < a.spec.Connections)
}

// dial makes the connections whose time has come. What could not be made in time is made up for, but not more than a tenth of a
// second of it, or a pause of the server would be followed by a flood that nobody has asked for.
func (a *Attack) dial(now int64) {
	each := int64(float64(time.Second) / a.spec.Rate)
	a.nextNs = max(a.nextNs, now-int64(100*time.Millisecond))
	for range batchMax {
		if a.nextNs > now || !a.wants() {
			return
		}
		a.nextNs += each
		a.connect()
	}
}

// beat has each connection in turn do what its kind does now and then, all of them within plan.every.
func (a *Attack) beat(now int64) {
	elapsed := now - a.beatNs
	a.beatNs = now
	if a.plan.beat == nil {
		return
	}
	a.beatDue = min(a.beatDue+float64(len(a.alive))*float64(elapsed)/float64(a.plan.every), float64(len(a.alive)))
	for ; a.beatDue >= 1 && len(a.alive) > 0; a.beatDue-- {
		a.cursor = (a.cursor + 1) % len(a.alive)
		if c := a.alive[a.cursor]; c.attacking && !c.sending {
			a.plan.beat(a, c)
		}
	}
}

// finish closes everything and draws the balance.
func (a *Attack) finish() {
	now, o := flood.Now(), &a.outcome
	for _, c := range a.alive {
		unix.Close(int(c.fd))
		if !c.attacking {
			o.Waiting++
			continue
		}
		o.Open++
		open := time.Duration(now - c.sinceNs)
		o.OpenNs = max(o.OpenNs, open)
		if c.input != nil && open > a.keptAfter {
			o.Kept[c.input.name]++
		}
	}
	unix.Close(a.epfd)
	micros := func(v float64) time.Duration { return time.Duration(v * float64(time.Microsecond)) }
	o.ClosedP50, o.ClosedP99, o.ClosedMax = micros(a.took.Quantile(50)), micros(a.took.Quantile(99)), micros(a.took.Max())
}

// threadCPU is what this thread has used of the processor.
func threadCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) != nil {
		return 0 // it cannot fail with a pointer that is good
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
