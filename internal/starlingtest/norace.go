//go:build !race

package starlingtest

// RaceEnabled reports whether the tests, and the binary that they have built, run with the race detector.
const RaceEnabled = false
