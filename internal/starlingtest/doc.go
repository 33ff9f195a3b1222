// Package starlingtest is what the tests that stand outside of the server have in common: the real binary as a process,
// and a WebSocket client that knows nothing of the server's own code and so can judge it. Only tests import it.
package starlingtest
