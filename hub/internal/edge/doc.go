// Package edge is what the server has to know about the world in front of it: which web pages may talk to it (Origins),
// whose word on a client's address counts (Proxies and the PROXY protocol), and what browsers are handed (Bundle, cookies).
//
// It knows nothing of the rest of the server and does no I/O once its values are made. The values never change: any
// goroutine may use them at any time.
package edge
