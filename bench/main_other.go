//go:build !linux

// Bench floods a Socket.IO server and keeps the accounts. It runs on Linux only.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench runs on Linux only: its client is epoll, its accounts of the server are /proc; this is "+runtime.GOOS)
	os.Exit(2)
}
