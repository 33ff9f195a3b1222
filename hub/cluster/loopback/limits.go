package loopback

// Bounds of what waits on its way from one node to another. Past them Publish returns cluster.ErrBacklog; a message always
// fits where nothing waits.
const (
	// QueueMessagesMax bounds the number of messages.
	QueueMessagesMax = 65_536
	// QueueBytesMax bounds their size in memory, as far as it can be told: a message counts on each way that it goes,
	// although they share it.
	QueueBytesMax = 64 << 20
)
