package server_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// TestFaultClockJumps sets the date of a running server an hour forward, years back and right again, as a machine does whose clock
// was wrong. Heartbeats, rates, recovery and the drain go by a clock that does not jump, and nobody is disconnected. Tokens go by the
// date.
func TestFaultClockJumps(t *testing.T) {
	t.Parallel()
	const month = 30 * 24 * time.Hour
	f := fortify(t, "--ping-interval", "200ms", "--recovery", "10m", "--events-rate", "1", "--events-burst", "3",
		"--jwt-leeway", "0s", "--drain-time", "1s")
	date := holdDate(t, f.Server)
	now := time.Now()
	stays, brief := f.mustShow(t, now, now.Add(month)), f.mustShow(t, now, now.Add(30*time.Minute))
	polls, silent := mustJoinPolling(t, f.Addr), starlingtest.Dial(t, f.Addr)
	if err := silent.Upgrade(target); err != nil { // and it does not CONNECT for a long time
		t.Fatal(err)
	}
	away := f.mustShow(t, now, now.Add(month))
	away.news(t, 1)
	if err := away.Reset(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is known to be away", func() bool { return f.Metric(t, "starling_sockets") == 3 })

	soon := &bearer{f: f}
	eventually(t, "a token of three seconds is in time", func() bool {
		return strings.HasPrefix(soon.ask(t, `40{"token":"`+signedToken("u", now, time.Now().Add(3*time.Second))+`"}`), "40")
	})
	f.wantDate(t, date, time.Hour)
	f.beats(t, stays)
	back := &bearer{f: f, pid: away.pid, offset: away.offset}
	back.connect(t, fmt.Sprintf(`40{"pid":%q,"offset":%q,"token":%q}`, away.pid, away.offset, signedToken("u", now, now.Add(month))))
	if back.id != away.id {
		t.Error("an hour by the date has cost a client that was away for a moment its session")
	}
	back.news(t, 2)
	f.mustShow(t, now, now.Add(2*time.Hour)).beat(t)
	f.wantRefused(t, now, now.Add(30*time.Minute), "token_expired")
	soon.wantExpired(t) // and then the server looks who else has: it does so each minute at least
	brief.wantExpired(t)

	spent := mustJoinPolling(t, f.Addr)
	for limited := false; !limited; limited = spent.limited(t) {
	}
	f.wantDate(t, date, -20*365*24*time.Hour)
	f.wantDate(t, date, month/2)
	if answers := strings.Count(fmt.Sprint(spent.limited(t), spent.limited(t), spent.limited(t), spent.limited(t)), "true"); answers == 0 {
		t.Error("two weeks by the date have given a client all that it may emit in two weeks")
	}

	f.wantDate(t, date, -time.Hour)
	f.wantRefused(t, now, now.Add(month), "token_not_yet_valid")
	late := f.mustShow(t, now.Add(-2*time.Hour), time.Now().Add(-30*time.Minute)) // over by our clock, and not by the server's
	late.beat(t)

	f.wantDate(t, date, 0)
	for range 3 {
		f.beats(t, stays, back)
	}
	stays.news(t, 3)
	if polls.limited(t) {
		t.Error("a client that has emitted nothing so far has emitted too much")
	}
	if _, err := silent.Write(starlingtest.Masked(starlingtest.Text, []byte("40"))); err != nil {
		t.Error(err)
	}
	for _, reason := range []string{"ping timeout", "slow consumer"} {
		if n := f.Metric(t, fmt.Sprintf("starling_sessions_closed_total{reason=%q}", reason)); n != 0 {
			t.Errorf("%v sessions have ended by %s", n, reason)
		}
	}
	f.Signal(t, syscall.SIGTERM)
	f.Await(t, "stopping")
	date.jump(t, -time.Hour)
	if state := f.Wait(t); state.ExitCode() != 0 {
		t.Errorf("the server ended with %v, want exit code 0", state)
	}
	wantNoErrors(t, f.Server)
}

// bearer is a client with a token, which may be away and come back.
type bearer struct {
	*client
	f           *fortress
	pid, offset string
}

// signedToken is a token as docs/TOKENS.md describes them, for that time.
func signedToken(user string, from, to time.Time) string {
	text := base64.RawURLEncoding.EncodeToString
	signed := text([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + text(fmt.Appendf(nil, `{"sub":%q,"nbf":%d,"exp":%d}`, user, from.Unix(), to.Unix()))
	mac := hmac.New(sha256.New, []byte(attackSecret))
	mac.Write([]byte(signed))
	return signed + "." + text(mac.Sum(nil))
}

// mustShow connects a client with a token for that time.
func (f *fortress) mustShow(t *testing.T, from, to time.Time) *bearer {
	t.Helper()
	b := &bearer{f: f}
	b.connect(t, `40{"token":"`+signedToken("u", from, to)+`"}`)
	return b
}

// wantRefused wants a token for that time to be refused.
func (f *fortress) wantRefused(t *testing.T, from, to time.Time, code string) {
	t.Helper()
	b := &bearer{f: f}
	if answer := b.ask(t, `40{"token":"`+signedToken("u", from, to)+`"}`); !strings.HasPrefix(answer, "44") || !strings.Contains(answer, `"`+code+`"`) {
		t.Errorf("a token from %v to %v is answered with %q, want %s", from, to, answer, code)
	}
	b.Close()
}

// ask begins a session and sends a CONNECT.
func (b *bearer) ask(t *testing.T, connect string) string {
	t.Helper()
	b.client = &client{Conn: starlingtest.Dial(t, b.f.Addr)}
	if err := b.Upgrade(target); err != nil {
		t.Fatal(err)
	}
	if _, err := b.receive(); err != nil {
		t.Fatal(err)
	}
	answer, err := b.exchange(connect)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (b *bearer) connect(t *testing.T, packet string) {
	t.Helper()
	answer := b.ask(t, packet)
	var data struct{ SID, PID string }
	if text, ok := strings.CutPrefix(answer, "40"); !ok || json.Unmarshal([]byte(text), &data) != nil || data.PID == "" {
		t.Fatalf("CONNECT is answered with %q", answer)
	}
	b.id, b.pid = data.SID, data.PID
}

// news has the backend tell it a number, and wants that next.
func (b *bearer) news(t *testing.T, n int) {
	t.Helper()
	if err := b.f.Ask("POST", "/v1/emit", map[string]any{"event": "news", "data": n, "to": []string{b.id}}, nil); err != nil {
		t.Fatal(err)
	}
	got, err := b.receive()
	rest, ok := strings.CutPrefix(got, fmt.Sprintf(`42["news",%d,"`, n))
	if err != nil || !ok {
		t.Fatalf("got %q, %v; want news %d", got, err, n)
	}
	b.offset, _ = strings.CutSuffix(rest, `"]`)
}

// beat answers the next heartbeat.
func (b *bearer) beat(t *testing.T) {
	t.Helper()
	if f, err := b.ReadFrame(); err != nil || string(f.Payload) != "2" {
		t.Fatalf("got %q, %v instead of a heartbeat", f.Payload, err)
	}
	if err := b.send("3"); err != nil {
		t.Fatal(err)
	}
}

// beats wants two heartbeats for each: one may have been on its way already.
func (f *fortress) beats(t *testing.T, all ...*bearer) {
	t.Helper()
	for _, b := range all {
		b.beat(t)
		b.beat(t)
	}
}

// wantExpired wants to be told that the token has expired.
func (b *bearer) wantExpired(t *testing.T) {
	t.Helper()
	told, err := b.receive()
	if goodbye, goodbyeErr := b.receive(); err != nil || goodbyeErr != nil || !strings.HasPrefix(told, `42["expired"`) || goodbye != "41" {
		t.Errorf("got %q and %q, %v, %v; want to be told that the token has expired", told, goodbye, err, goodbyeErr)
	}
}

// limited emits an event, and tells whether that was one too many.
func (c *pollClient) limited(t *testing.T) bool {
	t.Helper()
	if err := c.Post(`420["leave","x"]`); err != nil {
		t.Fatal(err)
	}
	for {
		packets, err := c.Get()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			if strings.HasPrefix(p, "43") {
				return strings.Contains(p, "rate_limited")
			}
			if err := c.Post("3"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// wantDate sets the server's date, and wants it to believe that.
func (f *fortress) wantDate(t *testing.T, d *date, ahead time.Duration) {
	t.Helper()
	d.jump(t, ahead)
	eventually(t, "the server has the other date", func() bool { // net/http writes it, anew each half second at least
		answer, err := http.Get(f.URL + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		told, err := http.ParseTime(answer.Header.Get("Date"))
		if err != nil {
			t.Fatal(err)
		}
		off := time.Until(told) - ahead
		return off.Abs() < 10*time.Minute
	})
}

// date is the clock that a process takes the date from. The kernel maps the code that reads it into each process; there it is
// replaced, in this one process alone, by other code that adds a number of seconds to the date, and to no other clock.
type date struct {
	memory  string // of the process
	seconds int64  // where it has the number
}

// shifted is clock_gettime(2), with the number added if the clock is CLOCK_REALTIME.
var shifted = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // eax = 228, clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, 0x75, 0x0a, // unless edi is 0, CLOCK_REALTIME, return; else
	0x48, 0x8b, 0x0d, 0x06, 0x00, 0x00, 0x00, // rcx = what stands 6 bytes behind this instruction, the number,
	0x48, 0x01, 0x0e, // is added to the seconds at rsi
	0xc3,       // return
	0x90, 0x90, // so that the number is aligned, and changes at once
}

// holdDate prepares a server for its date to be set. It is stopped meanwhile, and none of its threads may be reading a clock.
func holdDate(t *testing.T, s *starlingtest.Server) *date {
	t.Helper()
	entry, size := clockCode(t)
	memory := fmt.Sprintf("/proc/%d/mem", s.Pid())
	base, _, err := clockPages(s.Pid())
	if err != nil {
		t.Skip(err)
	}
	if len(shifted)+8 > size {
		t.Skipf("the code that reads clocks has %d bytes only", size)
	}
	for {
		s.Signal(t, syscall.SIGSTOP)
		eventually(t, "it stands still", func() bool {
			return everyThread(t, s, "stat", func(stat string) bool { return strings.Contains(stat, ") T ") })
		})
		clear := everyThread(t, s, "syscall", func(text string) bool {
			fields := strings.Fields(text)
			var at int64
			if _, err := fmt.Sscanf(fields[len(fields)-1], "0x%x", &at); err != nil {
				t.Skipf("where a thread stands is not told: %q", text)
			}
			return at < base || at > base+1<<16
		})
		if clear {
			break
		}
		s.Signal(t, syscall.SIGCONT)
	}
	d := &date{memory, base + entry + int64(len(shifted))}
	err = poke(memory, base+entry, append(bytes.Clone(shifted), make([]byte, 8)...))
	s.Signal(t, syscall.SIGCONT)
	if err != nil {
		t.Skipf("the memory of another process is out of reach: %v", err)
	}
	return d
}

// jump sets the date: so far ahead of the right one.
func (d *date) jump(t *testing.T, ahead time.Duration) {
	t.Helper()
	if err := poke(d.memory, d.seconds, binary.LittleEndian.AppendUint64(nil, uint64(int64(ahead/time.Second)))); err != nil {
		t.Fatal(err)
	}
}

func poke(memory string, at int64, b []byte) error {
	file, err := os.OpenFile(memory, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteAt(b, at)
	return err
}

// everyThread reports whether a file below /proc is as wanted for each thread of the server.
func everyThread(t *testing.T, s *starlingtest.Server, name string, ok func(text string) bool) bool {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/%s", s.Pid(), name))
	if err != nil || len(files) == 0 {
		t.Skipf("there is no %s of its threads, %v", name, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Skipf("what its threads do is out of reach: %v", err)
		}
		if !ok(string(text)) {
			return false
		}
	}
	return true
}

// clockPages is where a process has the code that reads clocks, vdso(7).
func clockPages(pid int) (from, to int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[vdso]") {
			_, err := fmt.Sscanf(line, "%x-%x", &from, &to)
			return from, to, err
		}
	}
	return 0, 0, fmt.Errorf("process %d has no vdso", pid)
}

// clockCode is where clock_gettime begins in these pages, and its length.
func clockCode(t *testing.T) (entry int64, size int) {
	t.Helper()
	from, to, err := clockPages(os.Getpid())
	if err != nil {
		t.Skip(err)
	}
	own, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skip(err)
	}
	defer own.Close()
	code := make([]byte, to-from)
	if _, err := own.ReadAt(code, from); err != nil {
		t.Skip(err)
	}
	file, err := elf.NewFile(bytes.NewReader(code))
	if err != nil {
		t.Skip(err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		t.Skip(err)
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return int64(s.Value), int(s.Size)
		}
	}
	t.Skip("there is no __vdso_clock_gettime")
	return 0, 0
}
