//go:build !linux

package eventloop

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// sendTo writes b to the connection's socket, which is non-blocking, and returns what the kernel took.
func sendTo(c *Conn, b []byte) (int, syscall.Errno) {
	n, err := unix.Write(int(c.fd), b)
	if err != nil {
		errno, ok := err.(syscall.Errno)
		if !ok {
			errno = syscall.EIO
		}
		return 0, errno
	}
	return n, 0
}
