//go:build race

package hub

// columnShare is which part of the steps of a simulated column a run of the suite does: the race detector makes each ten
// times as slow, and finds what there is to find in a few.
const columnShare = 5
