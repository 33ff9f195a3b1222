// Command echoserver sends every WebSocket message back. It is made of starling/eventloop and starling/wsproto alone, so
// that conformance suites for RFC 6455, which want such a peer, judge exactly these two; and it shows the least that a
// protocol on an event loop needs. It is no server for the open: nothing in it bounds how long a peer may be silent.
//
// When it accepts it prints one line, {"addr":"127.0.0.1:9001"}. SIGTERM and SIGINT end it with exit code 0; 1 means that
// it could not start or failed, 2 that the command line is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"starling/eventloop"
	"starling/wsproto"
)

const (
	// messageBytesDefault is the largest message of the public suites.
	messageBytesDefault = 16 << 20
	// messageBytesMax bounds what may be asked for instead.
	messageBytesMax = 1 << 30
	// fragmentsMax is twice what the public suites need: they cut 4 MiB into pieces of 64 bytes.
	fragmentsMax = 1 << 17
	// echoesPendingMax is how many of the largest messages a peer may leave unread.
	echoesPendingMax = 4
	// shutdownTime is more than a loop gives a peer to finish closing.
	shutdownTime = 5 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings given; it serves until ctx is done.
func run(ctx context.Context, args []string, out, errs io.Writer) (code int) {
	cfg := config{}
	flags := flag.NewFlagSet("echoserver", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&cfg.addr, "addr", "127.0.0.1:9001", "`host:port` to listen on; port 0 picks one")
	flags.IntVar(&cfg.loops, "loops", 0, "event `loops`; 0 is one for each core")
	flags.IntVar(&cfg.messageBytesMax, "message-bytes-max", messageBytesDefault, "largest message that is taken, in `bytes`")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2 // flags has said why
	}
	if cfg.messageBytesMax < 1 || cfg.messageBytesMax > messageBytesMax {
		fmt.Fprintf(errs, "echoserver: --message-bytes-max must be within 1 and %d, not %d\n", messageBytesMax, cfg.messageBytesMax)
		return 2
	}
	if err := cfg.serve(ctx, out); err != nil {
		fmt.Fprintln(errs, "echoserver:", err)
		return 1
	}
	return 0
}

type config struct {
	addr            string
	loops           int
	messageBytesMax int
}

// serve serves until ctx is done.
func (cfg config) serve(ctx context.Context, out io.Writer) error {
	limits := &wsproto.Limits{MessageBytesMax: cfg.messageBytesMax, FragmentsMax: fragmentsMax}
	pendingMax := max(eventloop.OutboundBytesPerConnMax, echoesPendingMax*cfg.messageBytesMax)
	engine, err := eventloop.New(eventloop.Config{
		Addr: cfg.addr, Loops: cfg.loops, Limits: eventloop.Limits{OutboundBytesPerConnMax: pendingMax},
	}, func(*eventloop.Loop) eventloop.Handler {
		return &echo{limits: limits, peers: map[*eventloop.Conn]*peer{}}
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- engine.Run() }()
	select {
	case <-engine.Ready():
		fmt.Fprintf(out, "{\"addr\":%q}\n", engine.Addr())
	case err := <-ended:
		return err
	}
	select {
	case <-ctx.Done():
	case err := <-ended:
		return err
	}
	deadline, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	_ = engine.Shutdown(deadline) // a peer that had to be cut is no failure of ours
	return <-ended
}
