package clustertest

import "time"

// SetPatience is for tests that fail on purpose.
func SetPatience(d time.Duration) { patience = d }
