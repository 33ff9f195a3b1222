//go:build !race

package metrics

import "testing"

// TestCountingTakesNoMemory: clients send far more events than anybody scrapes.
func TestCountingTakesNoMemory(t *testing.T) {
	m := New(Config{})
	m.ClientEvent("of_the_webhook")
	for name, count := range map[string]func(){
		"an event that was known before":  func() { m.ClientEvent("rate_limited") },
		"an event that has come up since": func() { m.ClientEvent("of_the_webhook") },
		"a token":                         func() { m.TokenRefused("token_expired") },
	} {
		t.Run(name, func(t *testing.T) {
			if n := testing.AllocsPerRun(100, count); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
