// Package peer is what the servers that the bench holds Starling against have in common: the command line, the listening socket,
// and the end.
package peer

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// The exit codes.
const (
	exitFault = 1 // the server could not listen, or gave up
	exitUsage = 2
)

// Main is the main function of a peer. It listens on the HOST:PORT that is the only argument, says so in the one line that a peer
// prints, and has the library serve until SIGTERM or ^C. Nobody is waited for then: a bench that stops its server has taken its
// clients away, or means to lose them.
func Main(serve func(net.Listener) error) {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "usage: %s HOST:PORT\n", filepath.Base(os.Args[0]))
		os.Exit(exitUsage)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fail(err)
	}
	go func() { fail(serve(listener)) }()
	fmt.Println("listening on", listener.Addr())

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	<-stop
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
	os.Exit(exitFault)
}
