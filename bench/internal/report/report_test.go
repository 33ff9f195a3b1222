package report

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"starling/bench/internal/ledger"
)

func seconds(v float64) *float64 { return &v }

func sample() *Report {
	r := &Report{
		Schema: Schema, Scenario: "broadcast", Target: "server", Protocol: "socketio", URL: "http://127.0.0.1:3000/",
		Threads: 1, Procs: 1, Connections: 100, Connected: 100, Depth: 2, SizeBytes: 64, Failures: map[string]int{},
		Delivery: &Delivery{Rooms: 1, Members: 100, Messages: 10, MessagesPerS: 5, DeliveriesPerS: 500, CPUUsPerDelivery: seconds(5.5)},
		Latency:  &Latency{P50: 1.5, P99: 2, P999: 3, Max: 4},
		Tally:    &ledger.Tally{Delivered: 1000},
	}
	r.SetUsage(2, seconds(1.9), 0.5, 1)
	return r
}

func TestJSONKeysAreStable(t *testing.T) {
	var got strings.Builder
	if err := sample().WriteJSON(&got); err != nil {
		t.Fatal(err)
	}
	want := `{"schema":2,"scenario":"broadcast","target":"server","protocol":"socketio","url":"http://127.0.0.1:3000/",` +
		`"threads":1,"procs":1,"connections":100,"connected":100,"failed":0,"disconnected":0,"refused":0,"failures":{},` +
		`"wall_s":2,"server_cpu_s":1.9,"client_cpu_s":0.5,"server_busy":0.95,"client_busy":0.25,"kernel_drops":0,"depth":2,"size_bytes":64,` +
		`"rooms":1,"members":100,"messages":10,"messages_per_s":5,"deliveries_per_s":500,"cpu_us_per_delivery":5.5,` +
		`"latency_us_p50":1.5,"latency_us_p90":0,"latency_us_p99":2,"latency_us_p999":3,"latency_us_p9999":0,"latency_us_max":4,` +
		`"delivered":1000,"lost":0,"duplicated":0,"reordered":0,"misrouted":0,"garbled":0}` + "\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

// Fields of two embedded parts with one key would silently vanish from the JSON, and so would what is found in two by one name.
func TestEveryPartKeepsItsKeys(t *testing.T) {
	r := full()
	var line strings.Builder
	if err := r.WriteJSON(&line); err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line.String()), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"schema", "id", "case", "round", "seed", "warmup_s", "transport", "unmet", "phases", "p99_to_quiet",
		"conn_per_s", "cpu_us_per_conn", "handshake_us_p50", "handshake_us_p99", "handshake_us_p999", "handshake_us_max", "rounds",
		"rss_before_bytes", "rss_anon_before_bytes", "rss_bytes", "rss_anon_bytes", "rss_bytes_per_conn", "rss_anon_bytes_per_conn",
		"hold_cpu_us_per_conn_s", "after", "rooms", "members", "messages", "messages_per_s", "deliveries_per_s", "cpu_us_per_delivery",
		"event", "echoes", "echoes_per_s", "cpu_us_per_echo", "error", "stalled", "invalid", "interrupted", "ratio_to_limit", "depth", "size_bytes",
		"latency_us_p50", "latency_us_p90", "latency_us_p99", "latency_us_p999", "latency_us_p9999", "latency_us_max",
		"delivered", "lost", "duplicated", "reordered", "misrouted", "garbled",
		"rate_wanted", "rate_sent", "generator_lag_us_p50", "generator_lag_us_p99", "generator_lag_us_max", "generator_held_us_p99",
		"sent_latency_us_p50", "sent_latency_us_p99", "late", "late_after_us", "unsent", "dropped",
		"churned", "churned_per_s", "reconnected", "upgraded_meanwhile", "polled_meanwhile", "slow_members", "slow_disconnected", "rss_peak_bytes", "p99_limit_us", "max_rate", "steps",
		"rss_slope_bytes_per_hour", "rss_from_bytes", "rss_to_bytes",
		"cut", "back", "upgraded", "proven", "cut_to_first_attempt_s", "cut_to_last_back_s", "server_down_s", "server_start_cpu_s",
		"reconnect", "attempt", "away", "http_requests", "http_requests_per_client", "cpu_us_per_client", "retries", "retry_reasons", "errors",
		"error_reasons", "listen_overflows", "ratio_to", "cpu_ratio",
		"api_mode", "api_connections", "api_spread", "api_accepted", "api_accepted_per_s", "api_reply_us_p50", "api_reply_us_p99", "api_reply_us_max", "api_unanswered",
		"api_faults", "api_first_fault", "api_dropped", "api_short", "api_first_short", "refused",
	} {
		if _, ok := got[key]; !ok {
			t.Errorf("%s is missing", key)
		}
	}
	// The timeline and the histograms are kept in files of their own.
	if n := keys(reflect.TypeFor[Report]()); len(got) != n {
		t.Errorf("%d keys of %d", len(got), n)
	}
}

// full is a report in which everything is said.
func full() *Report {
	r := &Report{
		Connect: &Connect{}, Idle: &Idle{}, Delivery: &Delivery{}, Echo: &Echo{}, Storm: storm(), Latency: &Latency{}, Tally: &ledger.Tally{},
		Churn: &Churn{}, Slow: &Slow{}, FindMax: &FindMax{}, Trend: &Trend{}, Phases: []Phase{{}}, Unmet: []string{"p99<1us"},
		ID: "01-mix-server", Case: "mix", Round: 1, Seed: 1, WarmupS: 1,
		Open: &Open{}, API: &API{FirstFault: "f", FirstShort: "9 of 10"}, Transport: "default", Depth: 1, SizeBytes: 1, Error: "e", Stalled: "s", Invalid: "v", Interrupted: true, Ratio: map[string]float64{"a": 1}, ToQuiet: seconds(1),
		Timeline: []Sample{{}}, LatencyHDR: []byte{1}, HandshakeHDR: []byte{1},
	}
	return r
}

// keys is how many keys a struct has in JSON, those of its embedded parts among them.
func keys(of reflect.Type) (n int) {
	for i := range of.NumField() {
		switch f := of.Field(i); {
		case f.Anonymous:
			n += keys(f.Type.Elem())
		case f.Tag.Get("json") != "-":
			n++
		}
	}
	return n
}

func TestText(t *testing.T) {
	r := sample()
	r.Lost, r.Stalled = 3, "3 receipts missing"
	r.Fail("ECONNRESET", 2)
	r.KernelDrops = 7
	r.SetRatio(sample())
	var got strings.Builder
	if err := r.WriteText(&got); err != nil {
		t.Fatal(err)
	}
	want := "server broadcast: 100/100 connected; 1 rooms x 100, depth 2, 10 messages, 500 deliveries/s, server 5.50 us/delivery; " +
		"latency us p50 2 p99 2 p99.9 3 max 4; 2.00 s, CPU server 1.90 s client 0.50 s; " +
		"lost 3 duplicated 0 reordered 0 misrouted 0 garbled 0; " +
		"times the limit: cpu_us_per_delivery 1.00 deliveries_per_s 1.00 latency_us_p50 1.00 latency_us_p99 1.00; " +
		"2 x ECONNRESET; the kernel dropped 7 packets: raise net.core.netdev_max_backlog; STALLED: 3 receipts missing\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestTextOfTheAPI(t *testing.T) {
	replies := ledger.NewLatency()
	for _, ns := range []int64{100_000, 200_000, 300_000} {
		replies.Record(ns)
	}
	for _, tc := range []struct {
		name string
		api  API
		want string
	}{
		{"all is well", API{Mode: "stream", Connections: 1, AcceptedPerS: 20_000}, "API (stream, 1 connections) accepted 20000 messages/s, replies us p50 200 p99 300 max 300"},
		{
			"faults",
			API{Mode: "requests", Connections: 16, Faults: 2, FirstFault: "status 403: no", Unanswered: 3, Short: 4, FirstShort: "9 of 10"},
			"API (requests, 16 connections) accepted 0 messages/s, replies us p50 200 p99 300 max 300, 2 FAULTS, the first: status 403: no, 3 UNANSWERED, " +
				"4 matched fewer than the members, the first 9 of 10",
		},
	} {
		tc.api.SetReplies(replies)
		r := sample()
		r.API = &tc.api
		var got strings.Builder
		if err := r.WriteText(&got); err != nil || !strings.Contains(got.String(), "; "+tc.want+"; ") {
			t.Errorf("%s: %s, want %s", tc.name, got.String(), tc.want)
		}
	}
}

func TestInvalid(t *testing.T) {
	for _, tc := range []struct {
		name    string
		server  *float64
		client  float64
		loops   int
		invalid bool
	}{
		{"the server is full", seconds(9.9), 5, 1, false},
		{"nobody is full", seconds(5), 5, 1, false},
		{"the client is full", seconds(5), 9, 1, true},
		{"both are full", seconds(9.5), 9.5, 1, false},
		{"the client is full and the server unknown", nil, 9, 1, true},
		{"two loops are half full", seconds(5), 9, 2, false},
		{"two loops are full", seconds(5), 18, 2, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &Report{}
			r.SetUsage(10, tc.server, tc.client, tc.loops)
			if (r.Invalid != "") != tc.invalid {
				t.Errorf("invalid %q", r.Invalid)
			}
		})
	}
}

func TestOK(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*Report)
	}{
		{"failed", func(r *Report) { r.Failed = 1 }},
		{"disconnected", func(r *Report) { r.Disconnected = 1 }},
		{"refused", func(r *Report) { r.Refused = 1 }},
		{"a fault of the API", func(r *Report) { r.API = &API{Faults: 1} }},
		{"no answer of the API", func(r *Report) { r.API = &API{Unanswered: 1} }},
		{"stalled", func(r *Report) { r.Stalled = "x" }},
		{"error", func(r *Report) { r.Error = "x" }},
		{"lost", func(r *Report) { r.Lost = 1 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := sample()
			if !r.OK() {
				t.Fatal("not OK before")
			}
			if tc.spoil(r); r.OK() {
				t.Error("OK")
			}
		})
	}
}

// Nobody promises an order of requests that are sent over several connections.
func TestReorderedByRequests(t *testing.T) {
	for _, tc := range []struct {
		name string
		api  *API
		ok   bool
	}{
		{"by clients", nil, false},
		{"by streams", &API{Mode: "stream", Connections: 2}, false},
		{"by requests over several connections, each for its own rooms", &API{Mode: "requests", Connections: 2}, false},
		{"by requests over any of several", &API{Mode: "requests", Connections: 2, Spread: true}, true},
	} {
		r := sample()
		r.API, r.Reordered = tc.api, 1
		if r.OK() != tc.ok || r.Unordered() != tc.ok || r.Reordered != 1 {
			t.Errorf("%s: OK is %v", tc.name, r.OK())
		}
		if r.Lost = 1; r.OK() {
			t.Errorf("%s: OK with a loss", tc.name)
		}
	}
}

func TestRatioLeavesOutWhatIsUnknown(t *testing.T) {
	limit, r := sample(), sample()
	limit.CPUUsPerDelivery, limit.P99 = nil, 0
	r.DeliveriesPerS = 250
	r.SetRatio(limit)
	if len(r.Ratio) != 2 || r.Ratio["deliveries_per_s"] != 0.5 || r.Ratio["latency_us_p50"] != 1 {
		t.Errorf("%v", r.Ratio)
	}
}

func TestPerAndRate(t *testing.T) {
	if Per(nil, 5, 1) != nil || Per(seconds(1), 0, 1) != nil {
		t.Error("a quotient of nothing")
	}
	if v := Per(seconds(1), 3, 1e6); *v != 333333.3333 {
		t.Errorf("%v", *v)
	}
	if Rate(5, 0) != 0 || Rate(5, 2) != 2.5 {
		t.Error("rate")
	}
}
