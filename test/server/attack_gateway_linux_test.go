package server_test

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// attackKey and attackSecret are what the backend of these tests calls with, and signs with.
const (
	attackKey    = "the-key-of-a-backend-under-attack"
	attackSecret = "the-secret-of-a-backend-under-attack"
)

// fortress is a running starling serve, with its control API.
type fortress struct {
	*starlingtest.Server
	*starlingtest.API
}

// fortify starts starling serve. Anybody may connect.
func fortify(t *testing.T, flags ...string) *fortress {
	t.Helper()
	cmd := starlingtest.Gateway(t, append([]string{"--anonymous", "--loops", "4"}, flags...)...)
	cmd.Env = append(cmd.Env, "STARLING_API_KEYS="+attackKey, "STARLING_JWT_SECRET="+attackSecret)
	s := starlingtest.Start(t, cmd)
	return &fortress{s, starlingtest.ControlOf(t, s, attackKey)}
}

// audience are clients who do nothing but listen to the backend: each must hear all, once and in order.
type audience struct {
	f       *fortress
	clients []*client
	heard   int
}

func (f *fortress) seat(t *testing.T) *audience {
	t.Helper()
	a := &audience{f: f, clients: crowd(t, f.Addr, 20)}
	if err := a.hear(); err != nil {
		t.Fatal(err)
	}
	return a
}

// hear has the backend tell all of them the next number, and waits until they have it.
func (a *audience) hear() error {
	a.heard++
	if err := a.f.Ask("POST", "/v1/emit", map[string]any{"event": "news", "data": a.heard, "to": a.ids()}, nil); err != nil {
		return err
	}
	want := fmt.Sprintf(`42["news",%d]`, a.heard)
	for _, c := range a.clients {
		if got, err := c.receive(); err != nil || got != want {
			return fmt.Errorf("one of the audience got %q, %w; want %q", got, err, want)
		}
	}
	return nil
}

func (a *audience) ids() (all []string) {
	for _, c := range a.clients {
		all = append(all, c.id)
	}
	return all
}

// during does something while the audience hears one thing after the other, and something at least.
func (a *audience) during(t *testing.T, do func()) {
	t.Helper()
	var over atomic.Bool
	ended := make(chan error, 1)
	go func() {
		err := a.hear()
		for err == nil && !over.Load() {
			err = a.hear()
		}
		ended <- err
	}()
	defer func() {
		over.Store(true)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	do()
}

// dismiss wants all to be there still, to the end.
func (a *audience) dismiss(t *testing.T) {
	t.Helper()
	if err := a.hear(); err != nil {
		t.Error(err)
	}
	for _, c := range a.clients {
		if err := c.leave(); err != nil {
			t.Error(err)
		}
	}
	a.f.Stop(t)
}

// TestAttackEvents has clients send faster than anybody means: too many events, too many bytes, and what nobody handles. Each
// is told so for a while, and then disconnected.
func TestAttackEvents(t *testing.T) {
	t.Parallel()
	const burst, refusals = 100, 1000
	f := fortify(t, "--events-rate", "50", "--events-burst", fmt.Sprint(burst), "--bytes-rate", "262144", "--bytes-burst", "1048576")
	a := f.seat(t)
	large := strings.Repeat("x", 60_000)
	a.during(t, func() {
		for name, event := range map[string]string{
			"events": `["leave","x"]`, "unknown events": `["nobody"]`, "large events": `["leave","x","` + large + `"]`,
		} {
			c := mustJoin(t, f.Addr)
			begin := time.Now()
			go func() {
				for i := range 20_000 {
					if c.send(fmt.Sprintf("42%d%s", i, event)) != nil {
						return
					}
				}
			}()
			handled, refused := 0, 0
			for {
				got, err := c.receive()
				if err != nil {
					break // the end, by a close frame that nobody waits for or by a reset
				}
				if strings.Contains(got, `"rate_limited"`) {
					refused++
				} else {
					handled++
				}
			}
			most := burst + int(time.Since(begin).Seconds()*50) + 1
			if handled > most || refused > refusals+int(time.Since(begin).Seconds()*50)+1 {
				t.Errorf("%s: %d were handled, at most %d are to be, and %d were refused", name, handled, most, refused)
			}
			if f.Metric(t, `starling_client_events_total{outcome="rate_limited"}`) == 0 {
				t.Errorf("%s: nothing was refused", name)
			}
			c.Close()
		}
	})
	a.dismiss(t)
}

// TestAttackRooms has a client join all rooms that its token lets it, and one more.
func TestAttackRooms(t *testing.T) {
	t.Parallel()
	const most = 20
	f := fortify(t, "--rooms-per-socket-max", fmt.Sprint(most))
	a := f.seat(t)
	mint := exec.Command(starlingtest.ServerBinary(t), "token", "--user", "hoarder", "--room", "r:*")
	mint.Env = starlingtest.Environ("STARLING_JWT_SECRET=" + attackSecret)
	token := strings.TrimSpace(finish(t, mint).out)
	a.during(t, func() {
		c := &client{Conn: starlingtest.Dial(t, f.Addr)}
		if err := c.Upgrade(target); err != nil {
			t.Fatal(err)
		}
		if _, err := c.receive(); err != nil {
			t.Fatal(err)
		}
		if got, err := c.exchange(`40{"token":"` + token + `"}`); err != nil || !strings.HasPrefix(got, `40{"sid"`) {
			t.Fatalf("CONNECT is answered with %q, %v", got, err)
		}
		for i := range most + 10 {
			got, err := c.exchange(fmt.Sprintf(`42%d["join","r:%d"]`, i, i))
			if refused := strings.Contains(got, `"rooms_max"`); err != nil || refused != (i >= most) {
				t.Errorf("room %d: got %q, %v", i, got, err)
			}
		}
		if got, err := c.exchange(`421["join","others"]`); err != nil || !strings.Contains(got, `"room_forbidden"`) {
			t.Errorf("a room of others: got %q, %v", got, err)
		}
		if err := c.leave(); err != nil {
			t.Error(err)
		}
	})
	a.dismiss(t)
}

// TestAttackAddress has one address come 200 times, over either transport, where 20 sessions of an address are let in. Who
// else comes at the same time, and from elsewhere, is let in.
func TestAttackAddress(t *testing.T) {
	t.Parallel()
	const most, attempts = 20, 200
	f := fortify(t, "--connections-per-address-max", fmt.Sprint(most), "--trusted-proxies", "loopback")
	a := f.seat(t) // which takes all places of 127.0.0.1 itself
	for name, addressOf := range map[string]func(i int) string{
		"one address":          func(int) string { return "192.0.2.66" },
		"one household":        func(i int) string { return fmt.Sprintf("2001:db8::%x:%x", i, i) },
		"a header that grows":  func(i int) string { return fmt.Sprintf("198.51.100.%d, 192.0.2.67", i) },
		"another header by it": func(i int) string { return fmt.Sprintf("198.51.100.%d\r\nX-Forwarded-For: 192.0.2.68", i) },
	} {
		a.during(t, func() {
			var conns []*starlingtest.Conn
			begun := map[int]int{}
			for i := range attempts {
				request, status := starlingtest.GetRequest(pollTarget), 200
				if i%2 == 0 {
					request, status = starlingtest.UpgradeRequest(target), 101
				}
				c := dial(t, f.Server, withHeader(request, "X-Forwarded-For: "+addressOf(i)))
				conns = append(conns, c)
				r, err := c.ReadResponse()
				if err != nil || r.Status != status && (r.Status != 503 || r.Header.Get("Retry-After") == "") {
					t.Errorf("%s: answered with %d, %v, %v", name, r.Status, r.Header, err)
				}
				begun[r.Status]++
			}
			if got := begun[200] + begun[101]; got != most {
				t.Errorf("%s: %d sessions have begun, want %d", name, got, most)
			}
			for i := range 10 {
				c := dial(t, f.Server, withHeader(starlingtest.UpgradeRequest(target), fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", i)))
				if err := c.Upgraded(); err != nil {
					t.Errorf("%s: somebody else is answered with: %v", name, err)
				}
				c.Close()
			}
			for _, c := range conns {
				c.Close()
			}
		})
	}
	a.dismiss(t)
}

// TestAttackAddressOfStrangers has strangers say whom they call for: nobody believes them.
func TestAttackAddressOfStrangers(t *testing.T) {
	t.Parallel()
	const most = 30
	f := fortify(t, "--connections-per-address-max", fmt.Sprint(most))
	a := f.seat(t)
	a.during(t, func() {
		inside := len(a.clients)
		for i := range 100 {
			c := dial(t, f.Server, withHeader(starlingtest.UpgradeRequest(target), fmt.Sprintf("X-Forwarded-For: 192.0.2.%d", i)))
			var refused starlingtest.RefusedError
			switch err := c.Upgraded(); {
			case err == nil:
				inside++
			case !errors.As(err, &refused) || refused.Status != 503:
				t.Error(err)
			}
		}
		if inside != most {
			t.Errorf("%d sessions of 127.0.0.1 are in, want %d", inside, most)
		}
	})
	a.dismiss(t)
}
