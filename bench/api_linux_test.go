package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// runAPI carries out a command against a fake by way of its control API, for a second if it is by a timetable.
func runAPI(t *testing.T, mode string, fault func(*fake), api func(*fakeAPI), args ...string) (outcome, *fake, *fakeAPI) {
	t.Helper()
	f := newFake(t, fault)
	a := newFakeAPI(t, f, api)
	all := []string{
		args[0], "--url", f.URL, "--api", a.URL + "/base/", "--api-key", fakeKey, "--api-mode", mode,
		"--timeout", "5s", "--concurrency", "1", "--quiet",
	}
	if !slices.Contains(args, "--messages") && args[0] != "find-max" {
		all = append(all, "--duration", "1s")
	}
	return bench(t, t.Context(), append(all, args[1:]...)...), f, a
}

// Whoever writes, and however, members hear the same.
func TestCleanRunsThroughTheAPI(t *testing.T) {
	t.Parallel()
	blend := append([]string{"mix"}, blended...)
	for _, tc := range []struct {
		name  string
		mode  string
		args  []string
		check func(*report.Report) bool
	}{
		{"broadcast", "stream", append(broadcastAt, "--warmup", "1s"), func(r *report.Report) bool {
			return r.Messages == 50 && r.Delivered == 300 && r.Accepted == 50 && about(r.AcceptedPerS, 50)
		}},
		{"broadcast, a request each", "requests", broadcastAt, func(r *report.Report) bool { return r.Delivered == 150 && r.Accepted == 50 }},
		{"broadcast in answer to what has arrived", "stream", []string{"broadcast", "-n", "5", "--messages", "40", "--depth", "4"}, func(r *report.Report) bool {
			return r.Delivered == 200 && r.Accepted == 40 && r.Depth == 4
		}},
		{"rooms in answer to what has arrived, a request each", "requests", []string{"rooms", "--rooms", "7", "--members", "3", "--messages", "100", "--depth", "9"}, func(r *report.Report) bool {
			return r.Delivered == 300 && r.Accepted == 100
		}},
		{"rooms with publishers, by processes", "stream", append(roomsAt, "--publishers", "2", "--procs", "2"), func(r *report.Report) bool {
			return r.Delivered == 100 && r.Accepted == 50
		}},
		{"rooms with publishers, a request each", "requests", append(roomsAt, "--publishers", "2"), func(r *report.Report) bool {
			return r.Delivered == 100 && r.Accepted == 50
		}},
		{"direct", "stream", append(directAt, "--publishers", "2"), func(r *report.Report) bool { return r.Delivered == 50 && r.Accepted == 50 }},
		{"direct, a request each", "requests", directAt, func(r *report.Report) bool { return r.Delivered == 50 && r.Accepted == 50 }},
		{"mix", "stream", blend, func(r *report.Report) bool { return r.Messages == 80 && r.Accepted == 80 && r.Churned+r.Unsent == 20 }},
		{"soak, a request each", "requests", soakAt, func(r *report.Report) bool { return r.Messages == 80 && r.Accepted == 80 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o, _, a := runAPI(t, tc.mode, onlyAsFromClients(t), nil, tc.args...)
			if len(o.reports) != 1 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			r := &o.reports[0]
			if !r.OK() || o.code != judged(r) || !tc.check(r) || r.API.Mode != tc.mode || r.ReplyP50 <= 0 || r.ReplyP99 > r.ReplyMax || r.Short != 0 {
				t.Errorf("exit %d: %s", o.code, o.text)
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if streams := a.kinds["/base/v1/emit"]; (len(a.kinds) > 1) != (tc.mode == "requests") || streams > 4 && tc.mode == "stream" {
				t.Errorf("requests %v", a.kinds)
			}
		})
	}
}

// onlyAsFromClients is for a fake whose members hear what the room application would have them hear, byte for byte.
func onlyAsFromClients(t *testing.T) func(*fake) {
	packets := regexp.MustCompile(`^(42\["room","flood(:\d+)?",|42\["direct","publisher-by-the-api",|43\d+\[)"~[0-9a-f]{48}\.{15}"\]$`)
	return func(f *fake) {
		f.tamper = func(_ *fakeConn, packet string) []string {
			if !packets.MatchString(packet) {
				t.Errorf("%q", packet)
			}
			return []string{packet}
		}
	}
}

// replies has the n-th message answered otherwise.
func replies(n int, with func(usual string) []string) func(*fakeAPI) {
	return func(a *fakeAPI) {
		before := a.answer
		a.answer = func(came int, usual string) []string {
			switch {
			case came == n:
				return with(usual)
			case before != nil:
				return before(came, usual)
			}
			return []string{usual}
		}
	}
}

func instead(reply string) func(string) []string {
	return func(string) []string { return []string{reply} }
}

func TestFaultsOfTheAPIAreFound(t *testing.T) {
	t.Parallel()
	noReply := func(string) []string { return nil }
	undelivered := func(n int) func(*fakeAPI) {
		return func(a *fakeAPI) { a.deliver = func(came int) bool { return came != n } }
	}
	both := func(all ...func(*fakeAPI)) func(*fakeAPI) {
		return func(a *fakeAPI) {
			for _, one := range all {
				one(a)
			}
		}
	}
	forbidden := instead(`{"status":403,"error":{"code":"room_forbidden","message":"not this room"}}`)
	for _, tc := range []struct {
		name  string
		args  []string
		fault func(*fake)
		api   func(*fakeAPI)
		check func(r *report.Report, mode string) bool
		text  string // in the readable line
	}{
		{"drops", broadcastAt, at(3, "room", lose), replies(3, instead(`{"status":200,"matched":3,"queued":2,"dropped":1}`)), func(r *report.Report, _ string) bool {
			return *r.Tally == ledger.Tally{Delivered: 149, Lost: 1} && r.API.Faults == 1 && r.DroppedFor == 1 && r.Accepted == 50
		}, "1 FAULTS, the first: dropped for 1 of 3 sockets"},
		{"drops that it does not tell of", broadcastAt, at(3, "room", lose), nil, func(r *report.Report, _ string) bool {
			return *r.Tally == ledger.Tally{Delivered: 149, Lost: 1} && r.API.Faults == 0
		}, "lost 1"},
		{"doubles", roomsAt, at(3, "room", twice), nil, func(r *report.Report, _ string) bool {
			return *r.Tally == ledger.Tally{Delivered: 100, Duplicated: 1} && r.API.Faults == 0
		}, "duplicated 1"},
		{"one that it forbids", directAt, nil, both(undelivered(5), replies(5, forbidden)), func(r *report.Report, _ string) bool {
			return *r.Tally == ledger.Tally{Delivered: 49, Lost: 1} && r.API.Faults == 1 && r.Accepted == 49 && r.Short == 0
		}, "1 FAULTS, the first: status 403: room_forbidden: not this room"},
		{"fewer than the members", broadcastAt, nil, both(undelivered(5), replies(7, instead(`{"status":200,"matched":2,"queued":2,"dropped":0}`))), func(r *report.Report, _ string) bool {
			return *r.Tally == ledger.Tally{Delivered: 147, Lost: 3} && r.API.Faults == 0 && r.Short == 2 && r.FirstShort == "0 of 3"
		}, "2 matched fewer than the members, the first 0 of 3"},
		{"babble", directAt, nil, replies(5, instead("hello")), func(r *report.Report, _ string) bool {
			return r.Delivered == 50 && r.Accepted == 49 && r.API.Faults == 1
		}, "a reply that says nothing: hello"},
		{"no answer to the last", directAt, nil, replies(50, noReply), func(r *report.Report, _ string) bool {
			return r.Delivered == 50 && r.Accepted == 49 && r.Unanswered == 1 && r.API.Faults == 0
		}, "1 UNANSWERED"},
		{"two answers to one", directAt, nil, replies(50, func(usual string) []string { return []string{usual, usual} }), func(r *report.Report, _ string) bool {
			return r.Accepted == 50 && r.API.Faults == 1
		}, "a reply to nothing"},
		{"no answer at all, in answer to what has arrived", []string{"broadcast", "-n", "2", "--messages", "5"}, nil, func(a *fakeAPI) {
			a.answer = func(int, string) []string { return nil }
		}, func(r *report.Report, _ string) bool {
			return r.Delivered == 10 && r.Unanswered == 5 && r.Accepted == 0
		}, "5 UNANSWERED"},
	} {
		for _, mode := range []string{"stream", "requests"} {
			t.Run(tc.name+" "+mode, func(t *testing.T) {
				t.Parallel()
				// Over one connection requests have an order.
				o, _, _ := runAPI(t, mode, tc.fault, tc.api, append(slices.Clone(tc.args), "--api-conns", "1")...)
				if o.code != exitFault || len(o.reports) != 1 {
					t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
				}
				if r := &o.reports[0]; r.OK() || !tc.check(r, mode) || !strings.Contains(o.text, tc.text) {
					t.Errorf("%s", o.text)
				}
			})
		}
	}
}

// An API that is gone, or never was, ends the run.
func TestAnAPIThatIsNotThere(t *testing.T) {
	t.Parallel()
	hangUp := func(a *fakeAPI) {
		replies(5, func(string) []string {
			go a.CloseClientConnections()
			return nil
		})(a)
	}
	for _, tc := range []struct {
		name string
		mode string
		api  func(*fakeAPI)
		args []string
		text string
	}{
		{"it is cut off", "stream", hangUp, nil, "ERROR: publisher disconnected: "},
		{"it is cut off, a request each", "requests", hangUp, nil, "ERROR: publisher disconnected: "},
		{"it does not know the key", "stream", nil, []string{"--api-key", "another-key"}, "ERROR: publisher disconnected: status 401: key_invalid: who are you?"},
		{"it does not know the key, a request each", "requests", nil, []string{"--api-key", "another-key"}, "ERROR: publisher disconnected: status 401: key_invalid: who are you?"},
		{"it wants no stream", "stream", func(a *fakeAPI) { a.status = 503 }, nil, "ERROR: publisher disconnected: status 503: not now"},
		{"it is elsewhere", "stream", nil, []string{"--api", "http://127.0.0.1:1"}, "ERROR: publisher disconnected: ECONNREFUSED"},
		{"it does not answer", "requests", nil, []string{"--api", deafAPI(t), "--timeout", "1s"}, "ERROR: no answer in time: from the server to a publisher's handshake"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o, _, _ := runAPI(t, tc.mode, nil, tc.api, append(slices.Clone(roomsAt), tc.args...)...)
			if len(o.reports) != 1 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			text := strings.ReplaceAll(o.text, "connection refused", "ECONNREFUSED")
			if r := &o.reports[0]; o.code != exitFault || r.OK() || !strings.Contains(text, tc.text) || r.API == nil {
				t.Errorf("exit %d: %s", o.code, o.text)
			}
		})
	}
}

// An API that takes its time has its messages wait, and their latencies say so, from when they were due.
func TestAnAPIThatIsSlow(t *testing.T) {
	t.Parallel()
	const rest = 300 * time.Millisecond
	for _, mode := range []string{"stream", "requests"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			o, _, _ := runAPI(t, mode, nil, replies(10, func(usual string) []string {
				time.Sleep(rest)
				return []string{usual}
			}), broadcastAt...)
			r := &o.reports[0]
			us := float64(rest.Microseconds())
			// Those that were due while it rested were delivered behind it: the one right behind after nearly all of that time.
			if !r.OK() || r.ReplyMax < us || r.Max < us*3/4 || r.Accepted != 50 || r.Delivered != 150 || r.Unsent != 0 {
				t.Errorf("%s", o.text)
			}
		})
	}
}

// A search goes on behind a rate at which the API refuses messages, or cuts the connection.
func TestFindMaxThroughTheAPI(t *testing.T) {
	t.Parallel()
	for mode, spoil := range map[string]func(*fakeAPI){
		"requests": func(a *fakeAPI) {
			second := func(n int) bool { return n > 80 && n <= 240 } // of the rates, which come behind a second of warm-up
			a.deliver = func(n int) bool { return !second(n) }
			a.answer = func(n int, usual string) []string {
				if second(n) {
					return []string{`{"status":429,"error":{"code":"rate_limited"}}`}
				}
				return []string{usual}
			}
		},
		"stream": func(a *fakeAPI) {
			a.deliver = func(n int) bool { return n != 200 }
			replies(200, func(string) []string {
				go a.CloseClientConnections()
				return nil
			})(a)
		},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			o, _, a := runAPI(t, mode, nil, spoil, "find-max", "-n", "3", "--rate", "40", "--step", "1s", "--p99", "10s")
			a.mu.Lock()
			defer a.mu.Unlock()
			r := &o.reports[0]
			if !r.OK() || r.MaxRate <= 60 || r.MaxRate >= 80 || len(r.Steps) < 4 || r.Steps[1].OK || r.API == nil || r.API.Faults+r.Unanswered != 0 {
				t.Errorf("exit %d, %d messages: %s", o.code, a.came, o.text)
			}
		})
	}
}

// Members show who they are, each by its number, however they come; and so do publishers that are clients.
func TestAuth(t *testing.T) {
	t.Parallel()
	o, f := runAt(t, nil, append(broadcastAt, "--auth", `{"token":"t{n}"}`)...)
	f.mu.Lock()
	defer f.mu.Unlock()
	want := []string{`{"token":"t0"}`, `{"token":"t1"}`, `{"token":"t2"}`, `{"token":"t0"}`}
	if r := &o.reports[0]; !r.OK() || !slices.Equal(f.auths, want) {
		t.Errorf("%q: %s", f.auths, o.text)
	}
}

// A member that is not let into its room has not joined, and the report says why.
func TestJoinsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		event   string
		args    []string
		refused int
		text    string
	}{
		{"all joins", "join", broadcastAt, 3, "3 x join refused: room_forbidden: not you"},
		{"all joins, in answer to what has arrived, by processes", "join", []string{"broadcast", "-n", "4", "--procs", "2"}, 4, "4 x join refused: room_forbidden: not you"},
		{"a leave", "leave", append(slices.Clone(aloneAt), "--churn-rate", "1"), 1, "1 x leave refused: room_forbidden: not you"},
		{"an echo", "echo", []string{"echo", "-n", "1"}, 1, "1 x echo refused: room_forbidden: not you"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o, _ := runAt(t, func(f *fake) {
				f.deny = map[string]string{tc.event: `{"error":{"code":"room_forbidden","message":"not you"}}`}
			}, tc.args...)
			if o.code != exitFault || len(o.reports) != 1 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			if r := &o.reports[0]; r.OK() || r.Refused != tc.refused || r.Failed+r.Disconnected != 0 || !strings.Contains(o.text, tc.text) {
				t.Errorf("%d refused: %s", r.Refused, o.text)
			}
		})
	}
}

// The key may come from the environment, where the arguments of processes do not show it.
func TestTheKeyInTheEnvironment(t *testing.T) {
	t.Setenv("BENCH_API_KEY", fakeKey)
	f := newFake(t, nil)
	a := newFakeAPI(t, f, nil)
	r := runOne(t, "broadcast", "--url", f.URL, "--api", a.URL, "-n", "2", "--messages", "3", "--quiet")
	if r.Accepted != 3 || r.Delivered != 6 {
		t.Errorf("%+v", r.API)
	}
}

// Neither the key nor a token is in what a run leaves.
func TestSecretsAreNotWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, _, _ = runAPI(t, "stream", nil, nil, "broadcast", "-n", "2", "--messages", "3", "--out", dir, `--auth={"token":"very-secret"}`)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil || bytes.Contains(text, []byte(fakeKey)) || bytes.Contains(text, []byte("very-secret")) {
			t.Errorf("%s has a secret, or %v", file.Name(), err)
		}
		if file.Name() == "summary.json" {
			var s struct{ Tool struct{ Argv []string } }
			if err := json.Unmarshal(text, &s); err != nil || !slices.Contains(s.Tool.Argv, "--api-key") || !slices.Contains(s.Tool.Argv, "--auth=…") {
				t.Errorf("%v %q", err, fmt.Sprint(s.Tool.Argv))
			}
		}
	}
}
