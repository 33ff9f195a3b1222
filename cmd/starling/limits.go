package main

import (
	"math"
	"time"
)

// Bounds of numbers that have none by nature. What is beyond them is a mistake of units.
const (
	// bytesMax bounds amounts of memory: 16 TiB.
	bytesMax = 1 << 44
	// memoryBytesMin is what a server needs before it can do anything.
	memoryBytesMin = 64 << 20
	// countMax bounds all else that is counted, to what a limit of open files can be.
	countMax = math.MaxInt32
	// rateMax bounds rates of single clients: one in a nanosecond.
	rateMax = int64(time.Second)
	// eventBytesMax is the most that the control API takes at once.
	eventBytesMax = 64 << 20
	// keyBytesMin and keyBytesMax bound the length of a key of the control API: shorter ones could be guessed.
	keyBytesMin = 16
	keyBytesMax = 512 // and longer ones cost time

	// tokenTimeMax bounds how long a token may be good for: ten years.
	tokenTimeMax = 10 * 365 * 24 * time.Hour
)
