// Package rawio has the few system calls that a flood makes all the time, without the Go scheduler's bookkeeping around them. That
// is right only for calls that cannot block, so descriptors must be non-blocking; a call that may wait goes through the ordinary
// wrappers, which give the processor away first.
package rawio

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads from a non-blocking descriptor into b, which must not be empty. errno is 0 on success; n is 0 at end of stream.
func Read(fd int32, b []byte) (n int, errno unix.Errno) {
	r, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(r), errno
}

// Write writes b, which must not be empty, to a non-blocking descriptor. errno is 0 on success; n may be less than len(b).
func Write(fd int32, b []byte) (n int, errno unix.Errno) {
	r, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(r), errno
}

// Wait fills events with what is ready on an epoll descriptor. It looks first without waiting; if nothing is ready it waits for so
// many nanoseconds at most, for ever if that is negative, which is exact to some ten microseconds from Linux 5.11 on (epoll_pwait2) and to the millisecond before. An
// interrupted wait answers 0.
func Wait(epfd int, events []unix.EpollEvent, timeoutNs int64) (n int, err error) {
	r, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return 0, errno
	}
	if errno == 0 && (r > 0 || timeoutNs == 0) {
		return int(r), nil
	}
	var timeout *unix.Timespec // nil is for ever
	if timeoutNs > 0 {
		ts := unix.NsecToTimespec(timeoutNs)
		timeout = &ts
	}
	r, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(timeout)), 0, 0)
	switch errno {
	case 0:
		return int(r), nil
	case unix.EINTR:
		return 0, nil
	case unix.ENOSYS:
		return waitMs(epfd, events, timeoutNs)
	default:
		return 0, errno
	}
}

func waitMs(epfd int, events []unix.EpollEvent, timeoutNs int64) (n int, err error) {
	timeoutMs := int64(-1)
	if timeoutNs >= 0 {
		timeoutMs = (timeoutNs + 999_999) / 1_000_000
	}
	n, err = unix.EpollWait(epfd, events, int(timeoutMs))
	if err == unix.EINTR {
		return 0, nil
	}
	return n, err
}

// Sleep rests for a moment with the processor kept, so it is for moments that a garbage collection may have to wait as well: some
// hundred microseconds. A signal ends it early.
func Sleep(ns int64) {
	ts := unix.NsecToTimespec(ns)
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}
