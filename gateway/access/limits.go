package access

import "time"

// Limits, each with its reason.
const (
	// RoomBytesMax bounds the name of a room, in bytes, as the hub does.
	RoomBytesMax = 255
	// UserBytesMax bounds the id of a user, in bytes: with "user:" before it, it is the name of a room.
	UserBytesMax = RoomBytesMax - len(userRoomPrefix)
	// PatternsMax bounds each list of rooms and patterns of a grant, since every join is held against all of them.
	PatternsMax = 100
	// DataBytesMax bounds what a client shows to others, in bytes: it is kept for each connection, and sent to whoever
	// asks who is in a room.
	DataBytesMax = 4 << 10

	// TokenBytesMax bounds a token: what a proxy lets through as one header.
	TokenBytesMax = 8 << 10
	// SecretBytesMin is the least length of an HMAC secret: the 256 bits that RFC 7518 3.2 wants for HS256.
	SecretBytesMin = 32
	// RSABitsMin is the least size of an RSA key, RFC 7518 3.3, and RSABitsMax the greatest: checking a signature costs
	// with the square of it.
	RSABitsMin = 2048
	// RSABitsMax is the greatest size of an RSA key.
	RSABitsMax = 8192
	// KeysMax bounds the keys that are given, and those that an endpoint serves: a token that names no key is held
	// against all of them.
	KeysMax = 50
	// LeewayMax bounds VerifierConfig.Leeway: clocks that differ more are wrong.
	LeewayMax = 5 * time.Minute
	// TimeClaimMax is the last second of the year 9999. Milliseconds taken for seconds are past it.
	TimeClaimMax = 253_402_300_799

	// ExpiresMax is the last second that Grant.Expires is: later ones are taken for it, so that nanoseconds since 1970
	// fit into 64 bits. It is in 2242.
	ExpiresMax = 1 << 33

	// JWKSRefreshDefault is how often keys are fetched anew.
	JWKSRefreshDefault = time.Hour
	// JWKSRefreshMin is the least value of VerifierConfig.JWKSRefresh.
	JWKSRefreshMin = time.Minute
	// JWKSTime bounds one fetch of the keys.
	JWKSTime = 5 * time.Second
	// JWKSBytesMax bounds what an endpoint may answer, in bytes.
	JWKSBytesMax = 1 << 20
	// JWKSRetryMin is how soon after a fetch that failed the next one is made; the wait doubles up to JWKSRetryMax.
	JWKSRetryMin = time.Second
	// JWKSRetryMax is the longest wait after fetches that failed.
	JWKSRetryMax = time.Minute
	// JWKSUnknownTime is the least time between two fetches that tokens of unknown keys may cause, so that strangers
	// cannot have the endpoint flooded.
	JWKSUnknownTime = 10 * time.Second
	// WaitersMax bounds the tokens of unknown keys that wait for a fetch at once. Strangers may make them, signed by nobody,
	// and each that waits holds up whoever handles it: if the endpoint hangs, for up to JWKSTime.
	WaitersMax = 256
)
