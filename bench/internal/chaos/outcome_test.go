package chaos

import (
	"encoding/json"
	"testing"
	"time"
)

func TestOutcomeInWords(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Outcome
		want string
	}{
		{"nothing", Outcome{Kind: Silent}, "silent: 0 opened"},
		{"everything", Outcome{
			Kind: Malformed, Attempts: 20, Opened: 14, Waiting: 1, Refused: map[string]int{"503": 3, "ECONNREFUSED": 2},
			Closed: map[string]int{"RST": 1, "1002": 7}, Left: 4, Open: 2, OpenNs: 2500 * time.Millisecond, Kept: map[string]int{"no Host": 1},
			ClosedP50: 1234567 * time.Nanosecond, ClosedP99: time.Second, ClosedMax: 999_600 * time.Nanosecond, Error: "epoll_wait: EBADF",
		}, "malformed: 14 opened, 5 refused (503 3, ECONNREFUSED 2), 8 closed by the server (1002 7, RST 1) within 1ms at p50, 1s at p99, " +
			"1ms at most, 4 left, 2 open for up to 2.5s, 1 not let in yet, kept in spite of: no Host 1, ended early: epoll_wait: EBADF"},
	} {
		if got := tc.o.String(); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

// The keys are for programs and stay.
func TestOutcomeForPrograms(t *testing.T) {
	o := Outcome{Kind: Slow, Attempts: 3, Opened: 2, Refused: map[string]int{"503": 1}, Closed: map[string]int{"RST": 1}, Open: 1, OpenNs: 5, ClosedP50: 7, CPU: 9}
	const want = `{"kind":"slow","attempts":3,"opened":2,"waiting":0,"refused":{"503":1},"closed":{"RST":1},"left":0,"open":1,"open_ns_max":5,` +
		`"closed_ns_p50":7,"closed_ns_p99":0,"closed_ns_max":0,"cpu_ns":9}`
	if b, err := json.Marshal(o); err != nil || string(b) != want {
		t.Errorf("%s %v, want %s", b, err, want)
	}
}
