//go:build race

package starlingtest

const raceEnabled = true
