package webhook

import "time"

// Defaults and bounds, each with its reason in docs/WEBHOOKS.md.
const (
	// TimeoutDefault is Config.Timeout.
	TimeoutDefault = 5 * time.Second
	// InFlightMaxDefault is Config.InFlightMax.
	InFlightMaxDefault = 256
	// FailuresMaxDefault is Config.FailuresMax.
	FailuresMaxDefault = 10
	// PauseMinDefault is Config.PauseMin.
	PauseMinDefault = time.Second
	// PauseMaxDefault is Config.PauseMax.
	PauseMaxDefault = 30 * time.Second

	// RateMaxDefault is Config.RateMax, in requests a second.
	RateMaxDefault = 100
	// QueueMaxDefault is Config.QueueMax.
	QueueMaxDefault = 100_000
	// QueueBytesMaxDefault is Config.QueueBytesMax.
	QueueBytesMaxDefault = 64 << 20
	// BatchMaxDefault is Config.BatchMax.
	BatchMaxDefault = 500
	// BatchBytesMaxDefault is Config.BatchBytesMax, below the 100 KiB that some frameworks take as a JSON body unless told
	// otherwise: a batch that they refuse would be lost.
	BatchBytesMaxDefault = 96 << 10
	// BatchDelayDefault is Config.BatchDelay.
	BatchDelayDefault = 100 * time.Millisecond
	// RetriesMaxDefault is Config.RetriesMax.
	RetriesMaxDefault = 5
	// NoRetries as Config.RetriesMax drops a batch that did not arrive at once.
	NoRetries = -1
	// RetryTimeMinDefault is Config.RetryTimeMin.
	RetryTimeMinDefault = time.Second
	// RetryTimeMaxDefault is Config.RetryTimeMax.
	RetryTimeMaxDefault = 30 * time.Second

	// RetryAfterMax bounds what a Retry-After header is believed.
	RetryAfterMax = 2 * time.Minute
	// ReplyBytesMax bounds the reply to a call.
	ReplyBytesMax = 1 << 20
	// TTLMax bounds ConnectReply.TTL, in seconds: ten years. More is a point in time by mistake.
	TTLMax = 10 * 365 * 24 * 60 * 60
	// SecretBytesMin is the least length of a secret, that of the sum that it is to protect.
	SecretBytesMin = 32
	// SignaturesMax bounds the signatures that Verify looks at in one header.
	SignaturesMax = 16

	// replyHeadBytesMax bounds the status line and the headers of a reply.
	replyHeadBytesMax = 64 << 10
	// idleTimeMax is how long a connection is kept for the next request: less than the 5 s after which Node.js, uvicorn and
	// Apache close it, since a request that crosses the closing is lost.
	idleTimeMax = 4 * time.Second
	// logTimeMin is the least time from one line of a kind in the log to the next.
	logTimeMin = 10 * time.Second
	// jitter is by which part pauses vary, so that the servers of one backend do not come back to it at the same moment.
	jitter = 0.2
	// retryMultiplier is by what pauses between tries of a batch grow. With the defaults there are five, 70 s in all, give or
	// take a fifth: a backend that is away for no longer than 56 s misses nothing.
	retryMultiplier = 3
	// pauseMultiplier is by what the pauses of calls grow.
	pauseMultiplier = 2
	// admissionPart: a quarter of the calls that may wait, or a little more, is kept for connects and joins.
	admissionPart = 4
	// notificationBytes is what a notification takes of memory beside its strings.
	notificationBytes = 160
)
