package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// Runs by a timetable. Each lasts two to four seconds and mostly waits, so they run side by side.
var (
	broadcastAt = []string{"broadcast", "-n", "3", "--rate", "50"}
	roomsAt     = []string{"rooms", "--rooms", "2", "--members", "2", "--rate", "50"}
	directAt    = []string{"direct", "-n", "2", "--rate", "50"}
	echoAt      = []string{"echo", "-n", "2", "--rate", "50"}
	churnAt     = []string{"churn", "--rooms", "2", "--members", "4", "--rate", "50", "--churn-rate", "20", "--churn-share", "0.5", "--reconnect-share", "0.5"}
	aloneAt     = []string{"churn", "--rooms", "1", "--members", "1", "--rate", "50", "--churn-share", "1", "--reconnect-share", "0"}
	slowAt      = []string{"slow", "-n", "4", "--share", "0.5", "--rate", "50"}
	blended     = []string{"--rooms", "2", "--members", "4", "--rate", "40", "--direct-rate", "40", "--echo-rate", "40", "--churn-rate", "20", "--churn-share", "0.5", "--reconnect-share", "0.5"}
	mixAt       = append([]string{"mix"}, blended...)
	soakAt      = append([]string{"soak"}, blended...)
)

// runAt carries out a command against a fake for a second. One handshake at a time makes a member's number that of its connection.
func runAt(t *testing.T, fault func(*fake), args ...string) (outcome, *fake) {
	t.Helper()
	f := newFake(t, fault)
	args = append(slices.Clone(args), "--url", f.URL, "--duration", "1s", "--timeout", "5s", "--concurrency", "1", "--quiet")
	return bench(t, t.Context(), args...), f
}

// judged is the exit status that a report deserves, by the rules that the commands are documented with.
func judged(r *report.Report) int {
	switch {
	case !r.OK():
		return exitFault
	case r.Open != nil && (max(r.LagP99, r.HeldP99) > 5000 || r.ClientBusy >= 0.85):
		return exitVoid // on a machine too busy for the test the run must say so
	default:
		return exitOK
	}
}

// about is for a rate in a time that was read from the clock.
func about(rate, want float64) bool { return rate > 0.9*want && rate < 1.1*want }

func TestCleanRunsByATimetable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		args  []string
		fault func(*fake) // that is none
		check func(*report.Report) bool
	}{
		{"broadcast behind a warm-up", append(broadcastAt, "--warmup", "1s"), nil, func(r *report.Report) bool {
			return r.Messages == 50 && r.Delivered == 300 && r.WarmupS == 1 && r.RateWanted == 50 && about(r.RateSent, 50) && r.Unsent == 0
		}},
		{"broadcast by processes", append(broadcastAt, "--procs", "2"), nil, func(r *report.Report) bool { return r.Messages == 50 && r.Delivered == 150 }},
		{"rooms with publishers", append(roomsAt, "--publishers", "2", "--zipf", "1.5"), nil, func(r *report.Report) bool {
			return r.Messages == 50 && r.Delivered == 100 && r.Rooms == 2
		}},
		{"direct", append(directAt, "--publishers", "2"), nil, func(r *report.Report) bool { return r.Messages == 50 && r.Delivered == 50 }},
		{"echo by processes", append(echoAt, "--procs", "2"), nil, func(r *report.Report) bool {
			// Some may have been sent in a beginning that came too late for one process, and was put off for all.
			return r.Echoes == 50 && r.Delivered >= 50 && r.Delivery == nil && about(r.RateSent, 50)
		}},
		{"churn", churnAt, nil, func(r *report.Report) bool {
			return r.Messages == 50 && r.Churned+r.Unsent == 20 && r.Delivered <= 200 && r.Delivered >= 100
		}},
		{"churn by processes", append(churnAt, "--procs", "2"), nil, func(r *report.Report) bool { return r.Messages == 50 && r.Churned+r.Unsent == 20 }},
		{"churn of one alone who hears nothing until all has been sent", append(aloneAt, "--churn-rate", "20"), restBehind(21), func(r *report.Report) bool {
			return r.Messages == 50 && r.Churned+r.Unsent == 20
		}},
		{"slow, and disconnected", slowAt, cutSlow, func(r *report.Report) bool {
			return r.Messages == 50 && r.Delivered == 100 && r.SlowMembers == 2 && r.SlowCut == 2
		}},
		{"mix by threads", append(mixAt, "--threads", "2"), nil, func(r *report.Report) bool {
			return r.Messages == 80 && r.Churned+r.Unsent == 20 && r.RateWanted == 120 && about(r.RateSent, 120)
		}},
		{"soak", soakAt, nil, func(r *report.Report) bool { return r.Messages == 80 && r.Churned+r.Unsent == 20 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o, _ := runAt(t, tc.fault, tc.args...)
			if len(o.reports) != 1 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			if r := &o.reports[0]; !r.OK() || o.code != judged(r) || !tc.check(r) {
				t.Errorf("exit %d: %s\n%+v, %+v", o.code, o.text, r.Open, r.Tally)
			}
		})
	}
}

func TestFaultsByATimetableAreFound(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		args  []string
		fault func(*fake)
		check func(*report.Report) bool
		text  string // in the readable line
	}{
		{"broadcast", broadcastAt, together(at(3, "room", lose), at(6, "room", twice), at(9, "room", later), at(12, "room", babble), at(50, "room", lose)), func(r *report.Report) bool {
			return r.Messages == 50 && *r.Tally == ledger.Tally{Delivered: 148, Lost: 2, Duplicated: 1, Reordered: 1, Garbled: 1}
		}, "lost 2 duplicated 1 reordered 1 misrouted 0 garbled 1"},
		{"broadcast hang up", broadcastAt, at(3, "room", goAway), func(r *report.Report) bool {
			return r.Disconnected == 1 && r.Lost > 0 && r.Delivered+r.Lost == 3*r.Messages
		}, "1 x "},
		{"broadcast by nobody, whom the server does not answer", broadcastAt, ignoreFrom("40", 4), func(r *report.Report) bool {
			return r.Error == "no answer in time: from the server to a publisher's handshake" && r.Tally == nil
		}, "ERROR"},
		{"broadcast to a member of another process", append(broadcastAt, "--procs", "3"), at(3, "room", lose), func(r *report.Report) bool {
			return *r.Tally == ledger.Tally{Delivered: 149, Lost: 1}
		}, "lost 1"},
		{"rooms", append(roomsAt, "--publishers", "2"), together(at(3, "room", lose), at(6, "room", twice), at(9, "room", later), at(12, "room", stray)), func(r *report.Report) bool {
			return r.Messages == 50 && *r.Tally == ledger.Tally{Delivered: 99, Lost: 1, Duplicated: 1, Reordered: 1, Misrouted: 1}
		}, "misrouted 1"},
		{"direct", directAt, together(at(3, "direct", lose), at(6, "direct", twice), at(9, "direct", later), at(12, "direct", astray(1))), func(r *report.Report) bool {
			return r.Messages == 50 && *r.Tally == ledger.Tally{Delivered: 48, Lost: 2, Duplicated: 1, Reordered: 1, Misrouted: 1}
		}, "lost 2"},
		{"echo", echoAt, together(at(3, "echo", lose), at(6, "echo", twice), at(9, "echo", later), at(12, "echo", astray(1)), at(15, "echo", babble)), func(r *report.Report) bool {
			return r.Echoes == 48 && *r.Tally == ledger.Tally{Delivered: 48, Lost: 2, Duplicated: 1, Reordered: 1, Misrouted: 1, Garbled: 1}
		}, "lost 2"},
		{"echo hang up", echoAt, at(3, "echo", goAway), func(r *report.Report) bool { return r.Disconnected == 1 && r.Lost >= 1 }, "1 x "},
		{"churn", churnAt, together(at(3, "room", lose), at(6, "room", twice), at(9, "room", later), at(12, "room", stray)), func(r *report.Report) bool {
			return r.Messages == 50 && r.Lost == 1 && r.Duplicated == 1 && r.Reordered == 1 && r.Misrouted == 1 && r.Garbled == 0
		}, "lost 1"},
		{"churn without an answer to a leave", append(churnAt, "--reconnect-share", "0"), ignoreOnce("leave", 1), func(r *report.Report) bool {
			return r.Stalled == "1 answers to a leave missing" && r.Lost == 0
		}, "STALLED"},
		{"churn without an answer to a join", append(churnAt, "--reconnect-share", "0"), ignoreOnce("join", 9), func(r *report.Report) bool {
			return r.Stalled == "1 answers to a join missing" && r.Lost == 0
		}, "STALLED"},
		{"churn without a way back", append(churnAt, "--reconnect-share", "1"), ignoreFrom("40", 10), func(r *report.Report) bool {
			return r.Stalled == "4 members have not come back" && r.Lost == 0
		}, "STALLED"},
		{"slow", slowAt, at(3, "room", lose), func(r *report.Report) bool {
			return *r.Tally == ledger.Tally{Delivered: 99, Lost: 1} && r.SlowMembers == 2 && r.SlowCut == 0
		}, "lost 1"},
		{"mix", mixAt, together(
			at(2, "room", lose), at(2, "direct", lose), at(2, "echo", lose), at(3, "room", twice), at(3, "direct", twice), at(3, "echo", twice),
			at(4, "direct", astray(2)), at(4, "echo", astray(2)),
		), func(r *report.Report) bool {
			return r.Messages == 80 && r.Lost == 5 && r.Duplicated == 3 && r.Misrouted == 2 && r.Reordered+r.Garbled == 0
		}, "lost 5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o, _ := runAt(t, tc.fault, tc.args...)
			if o.code != exitFault || len(o.reports) != 1 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			if r := &o.reports[0]; r.OK() || !tc.check(r) || !strings.Contains(o.text, tc.text) {
				t.Errorf("%s", o.text)
			}
		})
	}
}

// What is lost to members that come and go is counted as far as they can tell: what they hear later shows that it is missing. The
// fake knows of each delivery whether it has been read.
func TestLossesAmidChurn(t *testing.T) {
	t.Parallel()
	for _, reconnect := range []string{"0", "1"} {
		t.Run(reconnect, func(t *testing.T) {
			t.Parallel()
			b := &books{clock: flood.Now}
			random := rand.New(rand.NewPCG(1, 2))
			o, f := runAt(t, func(f *fake) {
				f.books = b
				f.tamper = func(c *fakeConn, packet string) []string {
					// The last messages reach everybody, so that nothing is open at the end.
					if c.entry.heard && b.toRooms < 35 && random.IntN(5) == 0 {
						return nil
					}
					return []string{packet}
				}
			}, append(churnAt, "--reconnect-share", reconnect)...)
			f.mu.Lock()
			defer f.mu.Unlock()
			r := &o.reports[0]
			if o.code != exitFault || b.proven == 0 || r.Lost != uint64(b.proven) || r.Duplicated+r.Reordered+r.Misrouted+r.Garbled != 0 {
				t.Errorf("exit %d, %d lost to their knowledge: %s", o.code, b.proven, o.text)
			}
		})
	}
}

// A member that has been told that it is in, and hears nothing from then on, or not from the beginning, has lost what was sent to it
// once it knew.
func TestLossesBehindTheDoor(t *testing.T) {
	t.Parallel()
	for name, deaf := range map[string]int{"at first": 3, "for good": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &books{clock: flood.Now}
			joins, back := 0, (*fakeConn)(nil) // who comes back in the middle of the run
			least := 0                         // of what was dropped: what was sent once it knew that it was in
			o, f := runAt(t, func(f *fake) {
				f.books = b
				f.ignore = func(c *fakeConn, event string) bool {
					if event == "join" {
						if joins++; joins == 10 {
							back = c
						}
					}
					return false
				}
				f.tamper = func(c *fakeConn, packet string) []string {
					if c != back || least == deaf {
						return []string{packet}
					}
					stamp, _ := ledger.FindStamp([]byte(packet))
					if knew := b.flights[c.entry.joined].back; knew != 0 && stamp.SentNs > knew {
						least++
					}
					return nil
				}
			}, append(churnAt, "--reconnect-share", "0", "--churn-share", "0.125", "--churn-rate", "2")...)
			f.mu.Lock()
			defer f.mu.Unlock()
			// On a machine so busy that all was sent before it knew, there is nothing that it must have heard.
			if r := &o.reports[0]; least > 0 && o.code != exitFault || r.Lost < uint64(least) || r.Lost > uint64(len(b.drops)) {
				t.Errorf("exit %d, %d dropped, %d of them sent once it knew: %s", o.code, len(b.drops), least, o.text)
			}
		})
	}
}

// The faults, each of one delivery.
type fault func(f *fake, c *fakeConn, packet string) []string

func lose(*fake, *fakeConn, string) []string        { return nil }
func twice(_ *fake, _ *fakeConn, p string) []string { return []string{p, p} }
func babble(_ *fake, _ *fakeConn, p string) []string {
	return []string{p, `42["room","flood","what?"]`}
}

func later(_ *fake, c *fakeConn, p string) []string {
	c.kept = p
	return nil
}

func goAway(_ *fake, c *fakeConn, _ string) []string {
	c.Close()
	return nil
}

// stray sends it to a member of another room as well, to one that never leaves.
func stray(f *fake, c *fakeConn, packet string) []string {
	for _, members := range f.members {
		for _, other := range members {
			if !slices.Contains(members, c) && other.number < 8 && other.number%2 == 0 {
				f.say(other, packet)
				return []string{packet}
			}
		}
	}
	return nil
}

// astray sends it to another, that connected so many later.
func astray(later int) fault {
	return func(f *fake, c *fakeConn, packet string) []string {
		for _, other := range f.sockets {
			if other.number == c.number+later {
				f.say(other, packet)
			}
		}
		return nil
	}
}

// kindOf is what fake.deliver calls it.
func kindOf(packet string) string {
	for _, kind := range []string{"room", "direct"} {
		if strings.HasPrefix(packet, `42["`+kind) {
			return kind
		}
	}
	return "echo"
}

// at has a fault befall the n-th delivery of a kind to the first member, which never leaves. What a swap keeps follows the next.
func at(n int, kind string, do fault) func(*fake) {
	return func(f *fake) {
		left, before := n, f.tamper
		f.tamper = func(c *fakeConn, packet string) []string {
			if c.number == 0 && kindOf(packet) == kind {
				switch left--; {
				case left == 0:
					return do(f, c, packet)
				case left == -1 && c.kept != "":
					kept := c.kept
					c.kept = ""
					return []string{packet, kept}
				}
			}
			if before != nil {
				return before(c, packet)
			}
			return []string{packet}
		}
	}
}

func together(all ...func(*fake)) func(*fake) {
	return func(f *fake) {
		for _, one := range all {
			one(f)
		}
	}
}

// ignoreOnce never answers the event that is the n-th of its name.
func ignoreOnce(event string, n int) func(*fake) {
	return func(f *fake) {
		f.ignore = func(_ *fakeConn, asked string) bool {
			if asked == event {
				n--
			}
			return asked == event && n == 0
		}
	}
}

// ignoreFrom never answers the n-th connection, or a later one, that asks for its namespace.
func ignoreFrom(event string, n int) func(*fake) {
	return func(f *fake) {
		f.ignore = func(c *fakeConn, asked string) bool { return asked == event && c.number >= n-1 }
	}
}

// cutSlow disconnects the members that do not read, which are every second.
func cutSlow(f *fake) {
	f.tamper = func(c *fakeConn, packet string) []string {
		if f.made["room"] > 60 && c.number%2 == 1 {
			c.Close()
		}
		return []string{packet}
	}
}

// restBehind does nothing for a while before the first delivery behind the n-th join.
func restBehind(n int) func(*fake) {
	return func(f *fake) {
		f.ignore = func(_ *fakeConn, asked string) bool {
			if asked == "join" {
				n--
			}
			return false
		}
		f.tamper = func(_ *fakeConn, packet string) []string {
			if n == 0 {
				n--
				time.Sleep(300 * time.Millisecond)
			}
			return []string{packet}
		}
	}
}
