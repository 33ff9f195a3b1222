//go:build !race

package hub

// columnShare is which part of the steps of a simulated column a run of the suite does: all of them.
const columnShare = 1
