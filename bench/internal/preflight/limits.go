package preflight

// What a connection takes, by which memory is reckoned. The kernel's part was measured with 9,500 idle connections on loopback that
// had carried a few hundred bytes each, both ends in one epoll, on Linux 6.18: 8.3 to 10.1 KB of slab for a pair (socket, inode,
// file, directory entry, epoll item). A connection with traffic holds besides, at each end, a page of what is under way.
const (
	kernelBytesEach = 4608
	pagesEach       = 1
	clientBytesEach = 1 << 10
	serverBytesEach = 10 << 10 // of a server that nothing is known about
)

// descriptorsSpare is what a process opens besides its connections: standard streams, epoll, pipes, /proc.
const descriptorsSpare = 64

// filesSpare is what the rest of the machine may open meanwhile.
const filesSpare = 1024

// queueMax bounds what is asked of the queues of connections: a listener's length is 16 bits wide in many a server.
const queueMax = 1<<16 - 1

// packetsMax bounds what is asked of the queue of packets, beyond which it adds to latency more than it saves.
const packetsMax = 1 << 14

// memoryShareMax is how much of the free memory a run should take.
const memoryShareMax = 0.9

// The widest range of ports that the system can hand out: the privileged ones are not in it.
const (
	portLowest  = 1024
	portHighest = 65535
)

// addressesShown is how many addresses are listed before the rest is counted.
const addressesShown = 8
