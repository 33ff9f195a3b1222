package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"starling/internal/doctor"
)

// TestDoctorKnowsTheSettings has the doctor look at what serve would be started with.
func TestDoctorKnowsTheSettings(t *testing.T) {
	const heartbeat = 50 * time.Second // with five seconds for the network
	file := write(t, "addr: 127.0.0.1:1\npath: /io/\napi-addr: 127.0.0.1:2\napi-key-file: keys\norigins: [https://a.example]\ncookie: io\n"+
		"memory-max: 67108864\noutbound-per-conn-max: 3\noutbound-max: 4\nrecovery: 1m\nrecovery-room-max: 5\nrecovery-max: 6\nnamespaces: [/, /b]\n"+
		"ping-interval: 1s\nping-timeout: 2s\n")
	plain := doctor.Settings{
		Connections: 7, Addr: ":8080", Path: "/socket.io/", APIAddr: "127.0.0.1:9090", Hold: heartbeat, OutboundPerConnMax: 1 << 20, OutboundMax: 256 << 20,
	}
	with := func(change func(*doctor.Settings)) doctor.Settings {
		s := plain
		change(&s)
		return s
	}
	for _, tc := range []struct {
		name    string
		environ []string
		cmd     doctorCmd
		want    doctor.Settings
	}{
		{"nothing", nil, doctorCmd{Conns: 7}, plain},
		{"its own flags", nil, doctorCmd{Conns: 7, URL: "https://a.example", Token: "t", Slow: true, Watch: time.Second}, with(func(s *doctor.Settings) {
			s.URL, s.Token, s.Slow, s.Watch = "https://a.example", "t", true, time.Second
		})},
		{"the environment", []string{"STARLING_API_KEYS=0123456789abcdef", "STARLING_ADDR=:9"}, doctorCmd{Conns: 7}, with(func(s *doctor.Settings) {
			s.APIKeys, s.Addr = true, ":9"
		})},
		{"development", []string{"STARLING_DEV=1"}, doctorCmd{Conns: 7}, with(func(s *doctor.Settings) {
			s.Dev, s.Addr, s.Origins = true, "127.0.0.1:8080", []string{"*"}
		})},
		{"cookies", []string{"STARLING_CREDENTIALS=1"}, doctorCmd{Conns: 7}, with(func(s *doctor.Settings) { s.Cookies = true })},
		{"a file that the environment names", []string{"STARLING_CONFIG=" + write(t, "outbound-per-conn-max: 3\noutbound-max: 4\n")}, doctorCmd{Conns: 7}, with(func(s *doctor.Settings) {
			s.OutboundPerConnMax, s.OutboundMax = 3, 4
		})},
		{"a file, before that which the environment names", []string{"STARLING_CONFIG=/nowhere"}, doctorCmd{Conns: 7, Config: write(t, "addr: :9\n")}, with(func(s *doctor.Settings) {
			s.Addr = ":9"
		})},
		{"a file, and the environment before it", []string{"STARLING_PATH=/chat/"}, doctorCmd{Conns: 7, Config: file}, doctor.Settings{
			Connections: 7, Addr: "127.0.0.1:1", Path: "/chat/", APIAddr: "127.0.0.1:2", APIKeys: true, Origins: []string{"https://a.example"}, Cookies: true,
			MemoryMax: 64 << 20, OutboundPerConnMax: 3, OutboundMax: 4, RecoveryMax: 12, Hold: 8 * time.Second,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.cmd.settings(tc.environ)
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

func TestDoctorsMistakes(t *testing.T) {
	for _, tc := range []struct {
		name    string
		environ []string
		args    []string
		want    string
	}{
		{"no connections", nil, []string{"--conns=0"}, "--conns must be within 1 and 2147483647, not 0"},
		{"connections that are no number", nil, []string{"--conns=many"}, "--conns: must be a whole number, not many\nstarling: see starling --help"},
		{"a negative time", nil, []string{"--watch=-1s"}, "--watch must be within 0s and 1h, not -1s"},
		{"too long a time", nil, []string{"--watch=61m"}, "--watch must be within 0s and 1h, not 1h1m0s"},
		{"an address that is none", nil, []string{"--url=app.example.com"}, "--url must be an http or https URL"},
		{"a file that is not there", nil, []string{"--config=/nowhere"}, "--config: open /nowhere: no such file or directory"},
		{"a file of the environment that is not there", []string{"STARLING_CONFIG=/nowhere"}, nil, "--config: open /nowhere: no such file or directory"},
		{"a setting that cannot be", []string{"STARLING_LOOPS=257"}, nil, "--loops must be within 0 and 256, not 257 (env STARLING_LOOPS)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := outcome{exitUsage, "", "starling: " + tc.want + "\n"}
			if got := starling(tc.environ, append([]string{"doctor"}, tc.args...)...); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestDoctor asks for a report of this machine, whatever it is like.
func TestDoctor(t *testing.T) {
	got := starling([]string{"STARLING_DEV=1"}, "doctor", "--conns=1", "--json")
	var report doctor.Report
	if err := json.Unmarshal([]byte(got.out), &report); err != nil || report.Connections != 1 || len(report.Results) == 0 {
		t.Fatalf("%v in %+v", err, got)
	}
	if got.code != report.ExitCode() || (got.err == "") != (got.code == exitOK) {
		t.Errorf("ended with %d and %q; the report wants %d", got.code, got.err, report.ExitCode())
	}
}

// TestDoctorsVerdict has a machine that is not fit fail the command, in each form of the report.
func TestDoctorsVerdict(t *testing.T) {
	result := func(v doctor.Verdict) doctor.Report {
		return doctor.Report{Connections: 5, System: "linux", Results: []doctor.Result{{Check: "files", Verdict: v, Found: "3", Wanted: ">= 5", Why: "Files."}}}
	}
	for _, tc := range []struct {
		name    string
		cmd     doctorCmd
		verdict doctor.Verdict
		says    string // among more; "" for nothing at all
		fit     bool
	}{
		{"fit", doctorCmd{}, doctor.Pass, "files", true},
		{"fit, and quiet", doctorCmd{Quiet: true}, doctor.Pass, "", true},
		{"fit, with a warning", doctorCmd{Quiet: true}, doctor.Warn, "files", true},
		{"not fit", doctorCmd{}, doctor.Fail, "files", false},
		{"not fit, as JSON", doctorCmd{JSON: true}, doctor.Fail, `"check":"files"`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			err := tc.cmd.report(result(tc.verdict), &out)
			if tc.says == "" && out.Len() > 0 || !strings.Contains(out.String(), tc.says) {
				t.Errorf("it printed %q, want %q", &out, tc.says)
			}
			want := "this machine is not fit for 5 connections"
			if tc.fit {
				want = ""
			}
			if says(err) != want {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}
