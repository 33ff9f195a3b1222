package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/stock"
)

// notes is a host that remembers.
type notes struct{ news []string }

func (n *notes) told(i int, news stock.News) {
	n.news = append(n.news, fmt.Sprintf("%d %d %s", i, news.Kind, news.About))
}

func (n *notes) stepped(i int) { n.news = append(n.news, fmt.Sprintf("%d stepped", i)) }

// testGuests have no connections: their target is nobody's, and what happens to them is told as a loop would.
func testGuests(t *testing.T, count int) (*guests, *notes) {
	t.Helper()
	cfg := &Config{Scenario: Storm, Connections: count}
	loop, err := flood.NewLoop(cfg.target(), [4]byte{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loop.Shut)
	n := &notes{}
	g, err := newGuests(cfg, &stock.Options{Transport: stock.Default, Delay: time.Hour, DelayMax: time.Hour}, share{100, count}, loop, n)
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		g.add(i)
	}
	return g, n
}

// An alarm that was set anew, or not wanted any more, or whose guest has gone, does not ring.
func TestAlarmsThatCountNoMore(t *testing.T) {
	g, n := testGuests(t, 4)
	for i, after := range []time.Duration{1, time.Hour, 1, 1} {
		client := &g.list[i].client
		g.Wake(client, time.Nanosecond)
		g.Wake(client, after)
	}
	g.Wake(&g.list[2].client, 0)
	due := g.list[0].due
	g.list[3] = nil
	g.watch(due)
	if want := []string{fmt.Sprintf("0 %d ", stock.Asking), "0 stepped"}; !slices.Equal(n.news, want) {
		t.Errorf("told %q, want %q", n.news, want)
	}
	if g.due() == 0 {
		t.Error("the second alarm is forgotten")
	}
	g.list[0], g.list[1], g.answers = nil, nil, line{}
	if g.due() != 0 || g.alarms != nil {
		t.Errorf("due at %d, and %d places are kept for alarms", g.due(), cap(g.alarms))
	}
}

// What a guest's connections brought to a session that it has left is for nobody, even if it has come again meanwhile.
func TestArrivalsOfAnEarlierSession(t *testing.T) {
	g, n := testGuests(t, 4)
	for i := range g.list {
		g.arrive(i, arrival{kind: ended, link: stock.Get, cause: stock.Cause{Text: "x"}})
	}
	g.Leave(&g.list[0].client)
	g.list[1] = nil
	g.add(2)
	g.deliver(1 << 62)
	if want := []string{fmt.Sprintf("3 %d poll: x", stock.Missed), "3 stepped"}; !slices.Equal(n.news, want) {
		t.Errorf("told %q, want %q", n.news, want)
	}
}

// Of two things that are due the earlier comes first, whatever line it waits in.
func TestArrivalsInTheOrderOfTheirTimes(t *testing.T) {
	g, n := testGuests(t, 4)
	for i, a := range []struct {
		line *line
		due  int64
	}{{&g.answers, 5}, {&g.frames, 3}, {&g.frames, 7}, {&g.answers, 11}} {
		a.line.push(arrival{kind: ended, due: a.due, guest: int32(i), link: stock.Get, session: g.list[i].session})
	}
	for _, tc := range []struct {
		now  int64
		want []string
	}{{2, nil}, {3, []string{"1 stepped"}}, {10, []string{"1 stepped", "0 stepped", "2 stepped"}}} {
		g.deliver(tc.now)
		stepped := slices.DeleteFunc(slices.Clone(n.news), func(s string) bool { return !strings.HasSuffix(s, "stepped") })
		if !slices.Equal(stepped, tc.want) {
			t.Errorf("at %d: %q, want %q", tc.now, stepped, tc.want)
		}
	}
	g.list[0], g.list[1], g.list[2] = nil, nil, nil
	if g.due() != 11 {
		t.Errorf("due at %d", g.due())
	}
}
