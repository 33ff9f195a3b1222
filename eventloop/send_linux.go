package eventloop

import (
	"syscall"
	"unsafe"
)

// sendTo writes b to the connection's socket, which is non-blocking, and returns what the kernel took.
//
// It is a raw system call: the ordinary one tells Go's scheduler that this thread may block, which this one never does,
// and that bookkeeping costs a sixth of a small send. The few microseconds without it delay a stop of the world by as much.
// MSG_NOSIGNAL spares the SIGPIPE of a peer that is gone.
func sendTo(c *Conn, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
