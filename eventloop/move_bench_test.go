package eventloop

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The benchmarks of this file compare the ways to bring a request to the loop that its answer comes from. The load is made
// by a process of its own, so that the metric cpu-us/op (user and system time) is the server's alone.

const messageBytes = 128

// BenchmarkMove is the life of a connection: accept, a request, its answer, the end. It is answered on the loop that has
// accepted it, or moved to another one for it. "one" has a single connection at a time, which finds every loop asleep;
// "many" has 64.
func BenchmarkMove(b *testing.B) {
	loads := []load{{"one", 1, 0}, {"many", 64, 0}}
	compare(b, loads, "move", func(way string, c *Conn, in []byte, other *Loop) {
		if way == "move" && !c.Moved() {
			if err := c.MoveTo(other, in); err != nil {
				b.Error(err)
			}
			return
		}
		c.Queue(in)
		c.Close(io.EOF)
	})
}

// BenchmarkPostRoundTrip is a request over a connection that is kept: answered on its own loop, or posted to another one
// and the answer posted back. "one" and "many" are as above; "bursts" has 64 connections that send 16 messages at a time,
// each of which is posted by itself, as frames of a WebSocket would be.
func BenchmarkPostRoundTrip(b *testing.B) {
	loads := []load{{"one", 1, 1}, {"many", 64, 1}, {"bursts", 64, 16}}
	compare(b, loads, "post", func(way string, c *Conn, in []byte, other *Loop) {
		if way == "stay" {
			c.Queue(in)
			return
		}
		for len(in) >= messageBytes {
			other.PostAlways(&roundTrip{conn: c, message: string(in[:messageBytes])})
			in = in[messageBytes:]
		}
	})
}

// compare measures staying on the own loop, and the other way, under the loads.
func compare(b *testing.B, loads []load, way string, onData func(way string, c *Conn, in []byte, other *Loop)) {
	for _, loops := range []int{2, 4} {
		for _, l := range loads {
			for _, way := range []string{"stay", way} {
				b.Run(fmt.Sprintf("loops=%d/%s/%s", loops, l.name, way), func(b *testing.B) {
					e := startEngine(b, Config{Loops: loops}, withOthers(func(_ *Loop, a *app, on func(int) *Loop) {
						a.onData = func(c *Conn, in []byte) { onData(way, c, in, on(1)) }
					}))
					measure(b, e, l)
				})
			}
		}
	}
}

// roundTrip is a request on its way to the loop that answers it, and then the answer on its way back.
type roundTrip struct {
	conn    *Conn
	message string
	back    bool
}

func (r *roundTrip) Run(*Loop) {
	if r.back {
		r.conn.Queue([]byte(r.message))
		return
	}
	r.back = true
	r.conn.Loop().PostAlways(r)
}

// withOthers makes an app for each loop that knows the way to the others.
func withOthers(setup func(l *Loop, a *app, on func(n int) *Loop)) func(*Loop) Handler {
	var loops []*Loop
	return func(l *Loop) Handler {
		loops = append(loops, l)
		a := &app{}
		setup(l, a, func(n int) *Loop { return loops[(l.Index()+n)%len(loops)] })
		return a
	}
}

// load is what the other process does, b.N times in all.
type load struct {
	name  string
	conns int // at a time
	burst int // messages that are sent before an answer is awaited; 0: each has a connection of its own
}

// loadEnv makes this test binary a client.
const loadEnv = "STARLING_TEST_LOAD"

// measure has a client put the load on e, and reports what that costs e's process.
func measure(b *testing.B, e *Engine, l load) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %d %s", loadEnv, l.conns, l.burst, b.N, e.Addr()))
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	says := bufio.NewReader(out)
	await := func(want string) {
		if line, err := says.ReadString('\n'); line != want+"\n" {
			b.Fatalf("the client says %q, %v", line, err)
		}
	}
	await("ready")
	b.ResetTimer()
	before := cpuTime(b)
	_, _ = io.WriteString(in, "go\n")
	await("done")
	spent := cpuTime(b) - before
	b.StopTimer()
	in.Close()
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(spent.Nanoseconds())/1000/float64(b.N), "cpu-us/op")
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// makeLoad is the client.
func makeLoad(spec string) int {
	var l load
	var n int
	var addr string
	if _, err := fmt.Sscan(spec, &l.conns, &l.burst, &n, &addr); err != nil {
		return 2
	}
	client := l.keepConnection
	if l.burst == 0 {
		client = connectEachTime
	}
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, l.conns)
	for i := range l.conns {
		ready.Add(1)
		done.Go(func() {
			isReady := sync.OnceFunc(ready.Done)
			defer isReady() // if it fails before it is
			share := n*(i+1)/l.conns - n*i/l.conns
			errs[i] = client(addr, share, func() { isReady(); <-start })
		})
	}
	ready.Wait()
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	close(start)
	done.Wait()
	if err := errors.Join(errs...); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("done")
	_, _ = io.Copy(io.Discard, os.Stdin) // the end of the connections is not measured
	return 0
}

// keepConnection sends messages over one connection.
func (l load) keepConnection(addr string, n int, await func()) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	out, in := make([]byte, l.burst*messageBytes), make([]byte, l.burst*messageBytes)
	if err := exchangeBytes(c, out, in); err != nil { // both ends are warm
		return err
	}
	await()
	for n > 0 {
		k := min(n, l.burst) * messageBytes
		if err := exchangeBytes(c, out[:k], in[:k]); err != nil {
			return err
		}
		n -= l.burst
	}
	return nil
}

// connectEachTime makes a connection for each message.
func connectEachTime(addr string, n int, await func()) error {
	message := make([]byte, messageBytes)
	await()
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		if _, err := c.Write(message); err != nil {
			return err
		}
		if got, err := io.ReadAll(c); len(got) != messageBytes || err != nil {
			return fmt.Errorf("%d bytes came back, %w", len(got), err)
		}
		c.Close()
	}
	return nil
}

func exchangeBytes(c net.Conn, out, in []byte) error {
	if _, err := c.Write(out); err != nil {
		return err
	}
	_, err := io.ReadFull(c, in)
	return err
}
