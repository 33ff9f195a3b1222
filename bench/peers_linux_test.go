package main

import (
	"fmt"
	"os"
	"testing"

	"starling/bench/internal/report"
)

// peers are the servers that Starling is held against, and how they are started: %s is the address.
var peers = []struct {
	name, protocol, path string
	file                 string // that is there once the peer is built or installed
	command              string
}{
	{"gws", "raw", "/", "../bin/peers/gws", "../bin/peers/gws %s"},
	{"gorilla", "raw", "/", "../bin/peers/gorilla", "../bin/peers/gorilla %s"},
	{"nbio", "raw", "/", "../bin/peers/nbio", "../bin/peers/nbio %s"},
	{"centrifuge", "centrifuge", "/connection/websocket", "../bin/peers/centrifuge", "../bin/peers/centrifuge %s"},
	{"socketio", "socketio", "/socket.io/", "../bin/peers/socketio", "../bin/peers/socketio %s"},
	{"node", "socketio", "/socket.io/", "peers/node/node_modules/socket.io/package.json", "node peers/node/server.mjs %s"},
}

// Each peer does what the bench asks of it: nothing is lost, doubled, out of order or astray.
func TestPeers(t *testing.T) {
	const members = 50
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			if _, err := os.Stat(p.file); err != nil {
				t.Skipf("%s is not there: make peers puts it there", p.file)
			}
			for _, sc := range []struct {
				name  string
				args  []string
				check func(*report.Report) bool
			}{
				{"connect", []string{"connect"}, func(r *report.Report) bool { return r.ConnPerS > 0 }},
				{"idle", []string{"idle", "--settle", "1ms", "--after", "1ms"}, func(r *report.Report) bool { return r.RSS > 0 }},
				{"broadcast", []string{"broadcast", "--messages", "40", "--depth", "8"}, func(r *report.Report) bool {
					return r.Delivered == 40*members
				}},
				{"rooms", []string{"rooms", "--rooms", "10", "--members", "5", "--messages", "100", "--depth", "10"}, func(r *report.Report) bool {
					return r.Delivered == 100*5
				}},
				{"echo", []string{"echo", "--depth", "3", "--duration", "50ms"}, func(r *report.Report) bool { return r.Echoes >= 3*members }},
			} {
				t.Run(sc.name, func(t *testing.T) {
					at := freeAddr(t)
					o := bench(t, t.Context(), append(sc.args, "-n", fmt.Sprint(members), "--protocol", p.protocol,
						"--url", "http://"+at+p.path, "--server-cmd", fmt.Sprintf(p.command, at))...)
					if o.code != exitOK || len(o.reports) != 1 {
						t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
					}
					if r := &o.reports[0]; r.Connected != members || !r.OK() || !sc.check(r) {
						t.Errorf("%s", o.text)
					}
				})
			}
		})
	}
}
