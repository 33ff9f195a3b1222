package doctor

import (
	"fmt"
	"strconv"
)

// filesFor is how many files a process must be able to open to admit n connections: the server keeps a part in
// filesReserveShare of them, and at least filesReserveMin, for everything else.
func filesFor(n int64) int64 {
	return max(plus(n, filesReserveMin), plus(n, (n+filesReserveShare-2)/(filesReserveShare-1)))
}

// openFiles looks at RLIMIT_NOFILE. The soft limit is of no consequence: the server raises it to the hard one.
func (e *examination) openFiles() Result {
	r := Result{Check: "open files (RLIMIT_NOFILE)", Why: "A connection is a file. The server takes all that the hard limit allows, and then turns clients away."}
	_, hard, err := e.sys.OpenFiles()
	if err != nil {
		return unknown(r.Check, r.Why, err)
	}
	want := filesFor(e.n)
	have := clampCount(hard)
	r.Verdict, r.Found, r.Wanted = Pass, number(have), atLeast(want)
	if have < want {
		r.Verdict, r.Fix = Fail, raiseFiles(want)
	}
	return r
}

// raiseFiles are the places where the limit can be raised, whoever starts the server.
func raiseFiles(want int64) []string {
	n := strconv.FormatInt(max(want, 1<<20), 10)
	return []string{
		"LimitNOFILE=" + n + "                    # systemd: [Service] of the unit",
		"docker run --ulimit nofile=" + n + ":" + n + " …",
		"sudo prlimit --pid $$ --nofile=" + n + ":" + n + "    # this shell, and what is started from it",
		"# Kubernetes: LimitNOFILE= of the node's containerd or kubelet",
	}
}

func clampCount(n uint64) int64 { return int64(min(n, 1<<63-1)) }

// nrOpen looks at how far any limit can be raised. That is of no interest while the limit is high enough.
func (e *examination) nrOpen() Result {
	const name = "fs.nr_open"
	r := Result{Check: name, Why: "No process may open more files than this, whatever its limit says."}
	have, err := e.files.sysctl(name, 0)
	if err != nil {
		return unknown(name, r.Why, err)
	}
	want := filesFor(e.n)
	r.Verdict, r.Found, r.Wanted = Pass, number(have), atLeast(want)
	if _, hard, err := e.sys.OpenFiles(); have < want && (err != nil || clampCount(hard) < want) {
		r.Verdict, r.Fix = Fail, e.setSysctl(name, number64(max(want, 1<<21)))
	}
	return r
}

// fileMax looks at the files of the whole machine.
func (e *examination) fileMax() Result {
	const name = "fs.file-max"
	r := Result{Check: name, Why: "When the whole machine has opened so many files, nobody is accepted any more."}
	limit, err := e.files.sysctl(name, 0)
	if err != nil {
		return unknown(name, r.Why, err)
	}
	used, _ := e.files.sysctl("fs.file-nr", 0) // if it cannot be seen it is taken for small
	want := plus(used, filesFor(e.n))
	r.Verdict, r.Found, r.Wanted = Pass, fmt.Sprintf("%s, %s open", number(limit), number(used)), atLeast(want)
	if limit < want {
		r.Verdict, r.Fix = Fail, e.setSysctl(name, number64(max(want, 1<<21)))
	}
	return r
}

func number64(n int64) string { return strconv.FormatInt(n, 10) }

// setSysctl is the line that changes a setting of the kernel until the next start of the machine.
func (e *examination) setSysctl(name, value string) []string {
	e.kernelFixes = true
	return []string{e.root(fmt.Sprintf("sysctl -w %s=%s", name, value))}
}
