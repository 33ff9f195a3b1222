package page_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/bench/internal/ledger"
	"starling/bench/internal/page"
	"starling/bench/internal/page/sample"
	"starling/bench/internal/report"
)

func named(results ...*report.Report) []*report.Report {
	for i, r := range results {
		r.ID = fmt.Sprintf("%02d-result", i+1)
	}
	return results
}

func written(t *testing.T, run page.Run) string {
	t.Helper()
	var out bytes.Buffer
	if err := page.Write(&out, run); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// everything is all kinds of results, made and written once: that takes a while.
var everything = sync.OnceValue(func() page.Run {
	return page.Run{
		Started: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC), Command: "bench broadcast -n 2000", Tool: "bench v1, commit abc", Machine: "a CPU",
		Facts: []page.Fact{{Name: "kernel", Value: "6.18"}}, Settings: []page.Fact{{Name: "net.core.somaxconn", Value: "4096"}},
		Results: named(append(sample.Table(), sample.Faulty(9), sample.Soak("socketio-node", 10))...),
	}
})

var everythingWritten = sync.OnceValues(func() (string, error) {
	var out bytes.Buffer
	err := page.Write(&out, everything())
	return out.String(), err
})

func whole(t *testing.T) string {
	t.Helper()
	html, err := everythingWritten()
	if err != nil {
		t.Fatal(err)
	}
	return html
}

// Twenty results, one of them of four hours, are a file that any browser opens and any issue takes.
func TestSize(t *testing.T) {
	run := everything()
	if html := whole(t); len(run.Results) < 20 || len(html) > 3<<20 {
		t.Errorf("%d bytes for %d results", len(html), len(run.Results))
	}
}

func TestEveryMetricIsThere(t *testing.T) {
	run := everything()
	html := whole(t)
	for _, r := range run.Results {
		begin := strings.Index(html, `<section id="`+r.ID+`">`)
		if begin < 0 {
			t.Fatalf("%s has no section", r.ID)
		}
		section := html[begin:]
		section = section[:strings.Index(section, "</section>")]
		for _, m := range r.Metrics() {
			if !strings.Contains(section, "<td><code>"+m.Name+"</code></td>") {
				t.Errorf("%s: %s is missing", r.ID, m.Name)
			}
		}
		if !strings.Contains(html, `<a href="#`+r.ID+`">`) {
			t.Errorf("%s is not in the overview", r.ID)
		}
	}
}

func TestWhatAPageTells(t *testing.T) {
	html := strings.ReplaceAll(whole(t), "\u00a0", " ")
	for _, text := range []string{
		"2026-03-14 15:09 UTC", "bench broadcast -n 2000", "bench v1, commit abc", "a CPU", "net.core.somaxconn", "6.18",
		"<strong>Not passed</strong> <span>19 of 20 results passed</span>", "14 lost", "not met: p99 &lt; 20ms: it is 31.4 ms",
		"INVALID: the client was the bottleneck", "connect: ECONNREFUSED", "upgrade: status 503", "handshake: ECONNREFUSED",
		"attack: half-open clients", "500 of 500 were closed", "1.37 × the limit", "60 s after they have left", "<small>MiB/h</small>",
	} {
		if !strings.Contains(html, text) {
			t.Errorf("%q is missing", text)
		}
	}
}

// A plot for each thing that was measured, each drawn for wide and for narrow screens, and none that is empty.
func TestPlots(t *testing.T) {
	quiet := sample.Broadcast("starling", 0, 1)
	dark := sample.Connect("starling", 1)
	dark.HandshakeHDR = nil
	unread := sample.Connect("starling", 1)
	unread.HandshakeHDR = []byte("not a histogram")
	one := sample.Broadcast("starling", 0, 1)
	one.Timeline = one.Timeline[:1]
	for _, tc := range []struct {
		name    string
		results []*report.Report
		plots   []string
	}{
		{"a broadcast", []*report.Report{quiet}, []string{
			"Latency by percentile", "Latency, each second", "Deliveries per second", "Messages sent per second", "Processors in use",
			"Memory of the server (RSS)", "Connected", "Connections per second",
		}},
		{"no histogram, no timeline", []*report.Report{dark}, nil},
		{"a histogram that cannot be read", []*report.Report{unread}, nil},
		{"a timeline of one second", []*report.Report{one}, []string{"Latency by percentile"}},
		{"two servers", []*report.Report{sample.Connect("a", 1), sample.Connect("b", 2)}, []string{
			"Handshake by percentile", "Processor time of the server for a connection", "Handshake by percentile", "Handshake by percentile",
		}},
		{"faults", []*report.Report{sample.Faulty(1)}, []string{
			"Latency by percentile", "Latency, each second", "Deliveries per second", "Wrong deliveries per second", "Messages sent per second",
			"Processors in use", "Memory of the server (RSS)", "Connected", "Connections per second",
		}},
	} {
		html := written(t, page.Run{Results: named(tc.results...)})
		var got []string
		for _, m := range regexp.MustCompile(`<figcaption><b>(.*?)</b>`).FindAllStringSubmatch(html, -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, "\n") != strings.Join(tc.plots, "\n") {
			t.Errorf("%s: %q", tc.name, got)
		}
		drawn := regexp.MustCompile(`<svg class="(wide|narrow)".*?</svg>`).FindAllString(html, -1)
		if len(drawn) != 2*len(tc.plots) {
			t.Errorf("%s: %d drawings", tc.name, len(drawn))
		}
		for _, svg := range drawn {
			if !regexp.MustCompile(`class="[sf] (c\d|bad)"`).MatchString(svg) && !strings.Contains(svg, `class="s dim" stroke-dasharray`) {
				t.Errorf("%s: an empty plot: %.200s", tc.name, svg)
			}
		}
	}
}

// Nothing is fetched, nothing runs, and no coordinate is nonsense.
func TestSelfContained(t *testing.T) {
	html := whole(t)
	outside := regexp.MustCompile(`(?i)(\ssrc\s*=|\s(xlink:)?href\s*=\s*["'][^#]|url\(|@import|<script|<link|<img|<iframe|<object|<embed|<base|\son\w+\s*=|javascript:|NaN|Inf\b)`)
	if found := outside.FindString(html); found != "" {
		t.Errorf("%q", found)
	}
	// An address is told, never followed.
	for _, at := range regexp.MustCompile(`https?://`).FindAllStringIndex(html, -1) {
		if before := html[at[0]-4 : at[0]]; before != "<td>" {
			t.Errorf("an address: %s", html[at[0]-40:at[1]+40])
		}
	}
	if !strings.Contains(html, `content="default-src 'none'; style-src 'unsafe-inline'"`) {
		t.Error("the page allows more than it needs")
	}
	for _, part := range []string{"prefers-color-scheme: dark", `name="viewport"`, `lang="en"`, "<!DOCTYPE html>"} {
		if !strings.Contains(html, part) {
			t.Errorf("%s is missing", part)
		}
	}
}

// Every colour has a name that style.css knows, by day and by night.
func TestInks(t *testing.T) {
	html := whole(t)
	style := html[strings.Index(html, "<style>"):strings.Index(html, "</style>")]
	night := style[strings.Index(style, "prefers-color-scheme: dark"):]
	for _, m := range regexp.MustCompile(`class="[sf] (\w+)"`).FindAllStringSubmatch(html, -1) {
		if !regexp.MustCompile(`\.` + m[1] + ` \{ color: var\(--` + m[1] + `\)`).MatchString(style) {
			t.Fatalf("no class %s", m[1])
		}
		if strings.Count(style, "--"+m[1]+":") != 2 || !strings.Contains(night, "--"+m[1]+":") {
			t.Fatalf("no colour %s", m[1])
		}
	}
}

// Elements begin and end where they should: read as XML with HTML's exceptions.
func balanced(t *testing.T, html string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(html))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
			if name := strings.ToLower(token.Name.Local); name == "script" || name == "img" {
				t.Errorf("there is a %s", name)
			}
		case xml.EndElement:
			if n := len(open); n == 0 || open[n-1] != token.Name.Local {
				t.Fatalf("</%s> within %v", token.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("left open: %v", open)
	}
}

func TestBalanced(t *testing.T) { balanced(t, whole(t)) }

func TestEmpty(t *testing.T) {
	html := written(t, page.Run{})
	balanced(t, html)
	if !strings.Contains(html, "no result") {
		t.Error("it does not say that there is nothing")
	}
}

// Names and errors come from servers and command lines. They are text wherever they stand.
func TestHostileText(t *testing.T) {
	const evil = `</title></style><script>alert(1)</script>"'><img src=x onerror=alert(1)>` + "\u2028`${x}`{{.}}]]>"
	all := named(sample.Broadcast("starling", 1, 1), sample.Broadcast("starling", 1, 2), sample.Storm("starling", 3), sample.FindMax("starling", 4))
	for i, r := range all {
		r.Target = fmt.Sprint(evil, i)
		r.Scenario, r.Protocol, r.URL, r.Transport, r.Error, r.Stalled, r.Invalid = evil, evil, evil, evil, evil, evil, evil
		r.Unmet, r.Failures = []string{evil}, map[string]int{evil: 3}
		for j := range r.Timeline {
			r.Timeline[j].Phase = evil
		}
		r.Phases = append(r.Phases, report.Phase{Name: evil, Note: evil, FromS: 2, ToS: 12})
	}
	all[2].Cut, all[2].Errors, all[2].Retries = evil, map[string]int{evil: 1}, map[string]int{evil: 2}
	all[3].Echo = &report.Echo{Event: evil}
	html := written(t, page.Run{
		Command: evil, Tool: evil, Machine: evil, Facts: []page.Fact{{Name: evil, Value: evil}}, Settings: []page.Fact{{Name: evil, Value: evil}}, Results: all,
	})
	balanced(t, html)
	for _, tag := range []string{"<script", "<img", "</title></style>"} {
		if strings.Contains(html, tag) {
			t.Errorf("%s got through", tag)
		}
	}
	if n := strings.Count(html, "&lt;script&gt;"); n < 40 {
		t.Errorf("told only %d times", n)
	}
}

// Values at the edges of what can be measured are drawn, not divided by.
func TestEdges(t *testing.T) {
	zero := 0.0
	flat := &report.Report{Scenario: "x", Target: "y", Latency: &report.Latency{}, Tally: &ledger.Tally{}, Delivery: &report.Delivery{CPUUsPerDelivery: &zero}}
	other := &report.Report{Scenario: "x", Target: "z", Delivery: &report.Delivery{CPUUsPerDelivery: &zero}}
	l := ledger.NewLatency()
	l.Record(0)
	hdr, err := l.Export()
	if err != nil {
		t.Fatal(err)
	}
	flat.LatencyHDR = hdr
	for i := range 3 { // all in one moment, and the clock stands still
		flat.Timeline = append(flat.Timeline, report.Sample{AtS: 5, Connected: i, Latency: &report.Latency{}})
	}
	back := &report.Report{Scenario: "back", Timeline: []report.Sample{{AtS: 9, Sent: 1 << 63}, {AtS: 3, Sent: 1, ServerRSS: 1 << 62}, {AtS: -1e9, ServerCPU: 1e-9}}}
	html := written(t, page.Run{Results: named(flat, other, back)})
	balanced(t, html)
	if regexp.MustCompile(`NaN|Inf`).MatchString(html) {
		t.Error("nonsense is drawn")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestWriteTellsOfErrors(t *testing.T) {
	if err := page.Write(full{}, everything()); err == nil || !strings.Contains(err.Error(), "full") {
		t.Error(err)
	}
}
