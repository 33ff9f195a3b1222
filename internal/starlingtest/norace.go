//go:build !race

package starlingtest

const raceEnabled = false
