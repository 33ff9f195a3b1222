package loopback_test

import (
	"testing"

	"starling/hub/cluster/clustertest"
	"starling/hub/cluster/loopback"
)

func TestAdapter(t *testing.T) {
	for name, opts := range map[string]loopback.Options{
		"with the default bounds": {},
		"with a queue of few":     {Messages: 2000},
		"with a queue of little":  {Bytes: 8 << 20},
		"with copies":             {Copy: true},
	} {
		t.Run(name, func(t *testing.T) {
			clustertest.Adapter(t, func(*testing.T) clustertest.Network { return loopback.New(opts) })
		})
	}
}

func TestServers(t *testing.T) {
	for name, opts := range map[string]loopback.Options{
		"with the default bounds":           {},
		"with copies and a queue of little": {Copy: true, Bytes: 8 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			clustertest.Servers(t, func(*testing.T) clustertest.Network { return loopback.New(opts) })
		})
	}
}
