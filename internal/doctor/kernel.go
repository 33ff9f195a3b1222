package doctor

import "fmt"

// sysctl is a setting of the kernel that is a number, and what is wanted of it.
type sysctl struct {
	name string
	want func(n int64) int64 // for n connections
	most bool                // more than that is too much; otherwise less is too little
	why  string
}

// scaled is a part of n, within bounds.
func scaled(part, least, most int64) func(int64) int64 {
	return func(n int64) int64 { return min(max(n/part, least), most) }
}

func always(v int64) func(int64) int64 { return func(int64) int64 { return v } }

// large is one thing for few connections and another one for many.
func large(few, many int64) func(int64) int64 {
	return func(n int64) int64 {
		if n >= largeMin {
			return many
		}
		return few
	}
}

// sysctls are those that need no more than to be compared. The bounds of what is wanted are the kernel's own defaults below and,
// above, what makes no difference any more.
var sysctls = []sysctl{
	{
		name: "net.core.somaxconn", want: scaled(4, 4096, 32768),
		why: "So many connections wait to be accepted, for each loop. After a restart everybody comes within seconds; who finds the queue full comes again a second later.",
	},
	{
		name: "net.ipv4.tcp_max_syn_backlog", want: scaled(8, 1024, 8192),
		why: "So many handshakes wait for their last packet; one too many is answered with a cookie, or not at all.",
	},
	{
		name: "net.ipv4.tcp_syncookies", want: always(1),
		why: "Without cookies a flood of half-made handshakes keeps everybody out.",
	},
	{
		name: "net.core.netdev_max_backlog", want: scaled(10, 1000, 16384),
		why: "So many packets wait for a processor; one too many is lost and sent again, late.",
	},
	{
		name: "net.ipv4.tcp_max_orphans", want: scaled(4, 4096, 262144),
		why: "When a proxy or a network goes, all clients go at once; of closed connections that still have something to send more than this are reset.",
	},
	{
		name: "net.ipv4.tcp_max_tw_buckets", want: scaled(1, 4096, 262144),
		why: "Closed connections wait out a minute; past this they do not, and late packets meet the next connection.",
	},
	{
		name: "net.ipv4.tcp_fin_timeout", want: large(60, 30), most: true,
		why: "For so many seconds a closed connection that its peer has not closed is kept.",
	},
	{
		name: "net.ipv4.tcp_tw_reuse", want: always(1),
		why: "A proxy on this machine runs out of ports to connect from while closed connections wait out their minute.",
	},
	{
		name: "vm.overcommit_memory", want: always(1), most: true,
		why: "With 2 the kernel refuses memory that is only reserved, and Go reserves a lot of it.",
	},
}

// settingsOfKernel makes a check of each.
func settingsOfKernel() (all []check) {
	for _, s := range sysctls {
		all = append(all, check{run: s.run})
	}
	return all
}

func (s sysctl) run(e *examination) Result {
	have, err := e.files.sysctl(s.name, 0)
	if err != nil {
		return unknown(s.name, s.why, err)
	}
	want := s.want(e.n)
	r := Result{Check: s.name, Verdict: Pass, Found: number(have), Wanted: atLeast(want), Why: s.why}
	if s.most {
		r.Wanted = atMost(want)
	}
	if s.most && have > want || !s.most && have < want {
		r.Verdict, r.Fix = Warn, e.setSysctl(s.name, number64(want))
	}
	return r
}

// tcpMem looks at the pages that all buffers of TCP may have together.
func (e *examination) tcpMem() Result {
	const name = "net.ipv4.tcp_mem"
	r := Result{
		Check: name,
		Why:   "Pages of all buffers together. Past the second number TCP saves, past the third sockets stall without a word. A connection with traffic takes two.",
	}
	pressure, err := e.files.sysctl(name, 1)
	if err != nil {
		return unknown(name, r.Why, err)
	}
	most, err := e.files.sysctl(name, 2)
	if err != nil {
		return unknown(name, r.Why, err)
	}
	used := e.tcpPages()
	want := plus(used, times(e.n, pagesEach))
	r.Verdict, r.Found = Pass, fmt.Sprintf("%s of %s, %s in use", number(pressure), number(most), number(used))
	r.Wanted = atLeast(want)
	if pressure < want {
		r.Verdict, r.Fix = Warn, e.setSysctl(name, fmt.Sprintf("'%d %d %d'", want/4*3, want, times(want/2, 3)))
	}
	return r
}

// tcpPages is how many pages TCP has at the moment; 0 if that cannot be seen.
func (e *examination) tcpPages() int64 {
	text, err := e.files.text("proc/net/sockstat")
	if err != nil {
		return 0
	}
	return pairOf(text, "TCP:", "mem")
}

// tcpWmem looks at what the kernel may hold for one client that does not read as fast as it is sent to.
func (e *examination) tcpWmem() Result {
	const name = "net.ipv4.tcp_wmem"
	r := Result{
		Check: name, Wanted: "at most " + size(wmemBytesMax),
		Why: "A slow client can make the kernel hold the third number of bytes, beyond the server's reach. One client in a hundred is slow.",
	}
	least, err := e.files.sysctl(name, 0)
	if err != nil {
		return unknown(name, r.Why, err)
	}
	most, err := e.files.sysctl(name, 2)
	if err != nil {
		return unknown(name, r.Why, err)
	}
	held := times(e.n/slowShare, most)
	r.Verdict, r.Found = Pass, size(most)
	_, limit := e.memoryLimit()
	if tight := limit == 0 || held > limit/10; most > wmemBytesMax && tight {
		r.Verdict, r.Found = Warn, fmt.Sprintf("%s, %s for 1 %% slow", size(most), size(held))
		r.Fix = e.setSysctl(name, fmt.Sprintf("'%d 16384 %d'", least, wmemBytesMax))
	}
	return r
}
