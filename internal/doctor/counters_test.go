package doctor

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"
)

// TestCounters watches counters, which meanwhile are as another look finds them.
func TestCounters(t *testing.T) {
	const full, lost, memory, packets = "connections refused, queue full", "connections lost on arrival", "connections reset, no memory", "packets lost on arrival"
	const watch = time.Second
	for _, tc := range []struct {
		name  string
		watch time.Duration
		then  files // what has changed by the second look
		want  map[string]string
	}{
		{
			name: "one look",
			want: map[string]string{
				full: "pass | 7 since boot | none now", lost: "pass | 9 since boot | none now",
				memory: "pass | 0 since boot | none now", packets: "pass | 13 since boot | none now",
			},
		},
		{
			name: "nothing new", watch: watch,
			want: map[string]string{full: "pass | 7 since boot, 0 just now | none now", packets: "pass | 13 since boot, 0 just now | none now"},
		},
		{
			name: "more and more", watch: watch,
			then: files{"proc/net/netstat": netstat(1_007, 1_010, 2), "proc/net/softnet_stat": "0 00000004\n0 0000000a\n"},
			want: map[string]string{
				full:    "warn | 1,007 since boot, 1,000 just now | none now | # net.core.somaxconn above; more loops; --connect-rate, which refuses in time",
				lost:    "warn | 1,010 since boot, 1,001 just now | none now | # net.core.somaxconn and net.ipv4.tcp_mem above",
				memory:  "warn | 2 since boot, 2 just now | none now | # net.ipv4.tcp_mem and net.ipv4.tcp_max_orphans above",
				packets: "warn | 14 since boot, 1 just now | none now | # net.core.netdev_max_backlog above, and the queues of the network card",
			},
		},
		{
			name: "fewer, as of another namespace", watch: watch, then: files{"proc/net/netstat": netstat(0, 0, 0)},
			want: map[string]string{full: "pass | 0 since boot, 0 just now | none now"},
		},
		{
			name: "no more to be seen", watch: watch, then: files{"proc/net/netstat": absent, "proc/net/softnet_stat": absent},
			want: map[string]string{full: "skip | not to be seen here: /proc/net/netstat | ", packets: "skip | not to be seen here: /proc/net/softnet_stat | "},
		},
		{
			name: "garbled", watch: watch, then: files{"proc/net/netstat": "TcpExt: ListenOverflows ListenDrops\nTcpExt: x\n", "proc/net/softnet_stat": "1fbc zz\n"},
			want: map[string]string{
				full:    `skip | not understood: "x" | `,
				lost:    "skip | not to be seen here: ListenDrops in /proc/net/netstat | ",
				memory:  "skip | not to be seen here: TCPAbortOnMemory in /proc/net/netstat | ",
				packets: `skip | not understood: "1fbc zz" | `,
			},
		},
		{
			name: "half a line", watch: watch, then: files{"proc/net/netstat": "TcpExt: ListenOverflows\n", "proc/net/softnet_stat": "1fbc\n"},
			want: map[string]string{full: "skip | not to be seen here: ListenOverflows in /proc/net/netstat | ", packets: `skip | not understood: "1fbc" | `},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sys, set, root := machine(tuned()), settings(), tuned().fs()
			sys.Files, set.Watch = root, tc.watch
			sys.Wait = func(_ context.Context, d time.Duration) error {
				if d != watch {
					t.Errorf("it waits for %v", d)
				}
				clear(root)
				maps.Copy(root, tuned().with(tc.then).fs())
				return nil
			}
			r := Run(context.Background(), set, sys)
			for name, want := range tc.want {
				if got := line(find(t, r, name)); got != want {
					t.Errorf("%s\n got %s\nwant %s", name, got, want)
				}
			}
		})
	}
}

// TestWatchIsInterrupted: who does not want to wait is told what the first look found.
func TestWatchIsInterrupted(t *testing.T) {
	sys, set := machine(tuned()), settings()
	set.Watch = time.Hour
	sys.Wait = func(context.Context, time.Duration) error { return errors.New("enough") }
	if got, want := line(find(t, Run(context.Background(), set, sys), "packets lost on arrival")), "pass | 13 since boot, 0 just now | none now"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
