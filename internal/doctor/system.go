package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// System is the machine, and the process's place on it, as the checks see it.
type System struct {
	OS      string // as runtime.GOOS has it
	Release string // of the kernel
	CPUs    int    // that the process may run on
	Procs   int    // GOMAXPROCS
	Page    int64  // bytes of a page of memory
	Root    bool   // commands need no sudo

	// Files is the file system from its root on, of which /proc and /sys are read.
	Files fs.FS
	// OpenFiles is how many files the process may open, and how far it may raise that.
	OpenFiles func() (soft, hard uint64, err error)
	// Env looks a variable up.
	Env func(name string) (value string, ok bool)

	// Dial connects, and TLS is for a URL with https; nil is the default of package tls.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	TLS  *tls.Config
	// Wait waits, and ends early with an error when ctx is done. Now is the time.
	Wait func(ctx context.Context, d time.Duration) error
	Now  func() time.Time
}

// ThisSystem is the machine that the process runs on. Its limits are those of this process: the server has the same ones only
// if it is started in the same way.
func ThisSystem() System {
	var dialer net.Dialer
	return System{
		OS: runtime.GOOS, Release: release(), CPUs: runtime.NumCPU(), Procs: runtime.GOMAXPROCS(0), Page: int64(os.Getpagesize()),
		Root: os.Geteuid() == 0, Files: os.DirFS("/"), OpenFiles: openFiles, Env: os.LookupEnv,
		Dial: dialer.DialContext, Wait: wait, Now: time.Now,
	}
}

// String is the system in short: "linux 6.18.44, 2 CPUs".
func (s System) String() string {
	cpus := "CPUs"
	if s.CPUs == 1 {
		cpus = "CPU"
	}
	name := s.OS
	if s.Release != "" {
		name += " " + s.Release
	}
	return fmt.Sprintf("%s, %d %s", name, s.CPUs, cpus)
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func openFiles() (soft, hard uint64, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, 0, os.NewSyscallError("getrlimit", err)
	}
	return uint64(limit.Cur), uint64(limit.Max), nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
