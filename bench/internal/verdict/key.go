package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"starling/bench/internal/report"
)

// Key is what runs have in common that may be compared.
type Key struct {
	Scenario, Target string
	Params           string // "connections=1000 depth=16", all of those that are not zero
}

func (k Key) String() string {
	return strings.TrimSpace(k.Scenario + " " + k.Target + " " + k.Params)
}

// keyOf reads what was asked of a run. Where it ran, what it drew at random and how long it took are no part of that.
func keyOf(r *report.Report) Key {
	var p params
	p.text("protocol", r.Protocol)
	p.text("transport", cmp.Or(r.Transport, "websocket"))
	p.number("connections", float64(r.Connections))
	p.number("depth", float64(r.Depth))
	p.number("size", float64(r.SizeBytes))
	p.number("threads", float64(r.Threads))
	p.number("procs", float64(r.Procs))
	if d := r.Delivery; d != nil {
		p.number("rooms", float64(d.Rooms))
		p.number("members", float64(d.Members))
	}
	if e := r.Echo; e != nil {
		p.text("event", e.Event)
	}
	if a := r.API; a != nil {
		p.text("api", a.Mode)
	}
	if s := r.Storm; s != nil {
		p.text("cut", s.Cut)
	}
	// What a search for the highest rate has found is its result and not its parameter.
	if o := r.Open; o != nil && !strings.HasPrefix(r.Scenario, "find") {
		p.number("rate", o.RateWanted)
		p.number("late_after_us", o.LateUs)
	}
	for _, phase := range r.Phases {
		p.text("phase", phase.Name)
	}
	return Key{r.Scenario, r.Target, strings.Join(p, " ")}
}

type params []string

func (p *params) text(name, value string) {
	if value != "" {
		*p = append(*p, fmt.Sprintf("%s=%s", name, value))
	}
}

func (p *params) number(name string, value float64) {
	if value != 0 {
		p.text(name, strconv.FormatFloat(value, 'f', -1, 64))
	}
}

// groups are the reports of a side by what they have in common.
type groups struct {
	order []Key
	byKey map[Key][]*report.Report
}

func groupsOf(reports []*report.Report) groups {
	g := groups{byKey: make(map[Key][]*report.Report)}
	for _, r := range reports {
		key := keyOf(r)
		if _, known := g.byKey[key]; !known {
			g.order = append(g.order, key)
		}
		g.byKey[key] = append(g.byKey[key], r)
	}
	return g
}

// lone describes a group that g, the other side, does not have.
func (g groups) lone(key Key, rounds []*report.Report) Lone {
	l := Lone{Key: key, Rounds: len(rounds), metrics: metricsOf(rounds)}
	fewest := 0
	for _, other := range g.order {
		if other.Scenario != key.Scenario || other.Target != key.Target {
			continue
		}
		if d := differences(key.Params, other.Params); l.Nearest == "" || len(d) < fewest {
			fewest, l.Nearest = len(d), strings.Join(d, " ")
		}
	}
	return l
}

// differences are the parameters of the second that the first does not have as they are, and by name those that it has alone.
func differences(mine, theirs string) (all []string) {
	have := strings.Fields(mine)
	for _, p := range strings.Fields(theirs) {
		if !slices.Contains(have, p) {
			all = append(all, p)
		}
	}
	for _, p := range have {
		name, _, _ := strings.Cut(p, "=")
		if !slices.Contains(strings.Fields(theirs), p) && !strings.Contains(" "+theirs, " "+name+"=") {
			all = append(all, "no "+name)
		}
	}
	return all
}
