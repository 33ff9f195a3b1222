package msgpack

import "starling/wsproto/socketio"

const (
	// DepthMax bounds the nesting of arrays and maps in a payload, as in the standard
	// format, into whose JSON a value may have to be turned. It is what makes recursion
	// over values safe.
	DepthMax = socketio.JSONDepthMax

	// dateMillisMax is how far from 1970 a Date of JavaScript's can be, either way.
	dateMillisMax = 8_640_000_000_000_000

	// countsMax is the number of containers in a JSON text up to which counting their
	// elements needs no memory.
	countsMax = 64
)
