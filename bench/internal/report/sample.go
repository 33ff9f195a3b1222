package report

// Sample is one second of a run: a row of its timeline, and what a live view shows. Counts are of that second alone unless they say
// otherwise.
type Sample struct {
	AtS   float64 // its end, since the beginning of what is measured: negative while the clients connect and during the warm-up
	Phase string  // "connect", "join", "warm-up", "run", or the name of a Phase

	Connected    int // at its end
	Connects     int // handshakes that were completed
	Failed       int // handshakes that failed
	Disconnected int // connections that the other side ended

	Sent      uint64 // messages published, and echoes begun
	Delivered uint64
	Faults    uint64 // deliveries that were not new, in order and at the right place

	Latency *Latency // of what was delivered in that second; nil if nothing was

	ServerCPU float64 // processors it used, 1 being one of them whole; 0 if its process is not known
	ServerRSS int64   // bytes at its end, likewise
	ClientCPU float64
}
