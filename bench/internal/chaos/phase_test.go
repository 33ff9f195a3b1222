package chaos

import "testing"

func TestIsAttack(t *testing.T) {
	for name, want := range map[string]bool{
		"quiet": false, "after": false, "after-2": false, "pause": false, "kill+restart": false,
		"slow": true, "slow-body": true, "ping-flood-2": true, "kill+half-open": true, "slow+pause": true, "slowness": false, "": false,
	} {
		if got := IsAttack(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
