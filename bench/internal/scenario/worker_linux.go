package scenario

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/proc"
)

// processLink is an agent in a process of its own: both ways are lines of JSON in a pipe.
type processLink struct {
	child *proc.Child
	pipe  *os.File
	lines *json.Encoder
	read  chan struct{} // closed when the agent's last line has been read
}

// hello is the first line that a worker process reads.
type hello struct {
	Config Config
	Share  share
	Window int
}

// Worker says how to start a process that calls Work.
type Worker struct {
	Argv []string
	Env  []string
	CPUs proc.CPUs // one of them for each
}

func startProcess(w Worker, i int, h hello, up upstream) (*processLink, error) {
	in, toWorker, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	fromWorker, out, err := os.Pipe()
	if err != nil {
		toWorker.Close()
		return nil, err
	}
	defer out.Close()
	child, err := proc.Start(proc.Spec{Argv: w.Argv, Env: w.Env, CPUs: w.CPUs.One(i), Stdin: in, Stdout: out})
	if err != nil {
		toWorker.Close()
		fromWorker.Close()
		return nil, err
	}
	l := &processLink{child: child, pipe: toWorker, lines: json.NewEncoder(toWorker), read: make(chan struct{})}
	go l.readEvents(fromWorker, up)
	_ = l.lines.Encode(h) // a worker that does not read it has died, and readEvents says so
	return l, nil
}

func (l *processLink) readEvents(from *os.File, up upstream) {
	defer close(l.read)
	defer from.Close()
	for lines := json.NewDecoder(bufio.NewReader(from)); ; {
		var e event
		if err := lines.Decode(&e); err != nil {
			// At the end of its output the worker ends by itself; what is no event at all did not come from one.
			grace := workerGrace
			if err != io.EOF {
				grace = 0
			}
			_ = l.child.Wait(grace)
			up.emit(event{Op: opDied, Error: l.child.Fault().Error()})
			return
		}
		if e.Op == opCount {
			up.count(e.Room, e.Seq, e.Count)
		} else {
			up.emit(e)
		}
	}
}

func (l *processLink) command(c command) { _ = l.lines.Encode(c) } // as above

// workerGrace is how long a worker may take to close its connections before it is killed.
const workerGrace = 10 * time.Second

func (l *processLink) end() {
	l.command(command{Op: opQuit})
	timer := time.AfterFunc(workerGrace, func() { _ = l.child.Stop(0) })
	<-l.read
	timer.Stop()
	l.pipe.Close()
}

// pipeUpstream writes events as lines. A write that fails means that the run has ended, and then so does this process's input.
type pipeUpstream struct{ lines *json.Encoder }

func (u pipeUpstream) emit(e event) { _ = u.lines.Encode(e) }

func (u pipeUpstream) count(room, seq, members uint32) {
	u.emit(event{Op: opCount, Room: room, Seq: seq, Count: members})
}

// ErrWorker means that a worker process was not spoken to as one.
var ErrWorker = errors.New("scenario: bad input to a worker")

// Work is the whole of a worker process: it reads hello and commands from in and writes events to out, until it is told to quit
// or in ends.
func Work(in io.Reader, out io.Writer) error {
	lines := json.NewDecoder(in)
	var h hello
	if err := lines.Decode(&h); err != nil {
		return fmt.Errorf("%w: %w", ErrWorker, err)
	}
	loop, err := flood.NewLoop(h.Config.target(), h.Config.Mask)
	if err != nil {
		return err
	}
	defer loop.Shut()
	a, err := newHolder(&h.Config, h.Share, h.Window, loop, pipeUpstream{json.NewEncoder(out)})
	if err != nil {
		return err
	}
	go func() {
		for {
			c := command{}
			if err := lines.Decode(&c); err != nil {
				c.Op = opQuit
			}
			loop.Post(func() { a.handle(c) })
			if c.Op == opQuit {
				return
			}
		}
	}()
	return a.serve()
}
