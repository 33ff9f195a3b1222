package server_test

import "math/rand/v2"

// moment is where in a journey something goes wrong.
type moment uint8

const (
	never moment = iota
	inGetHead
	behindGet
	inPostHead
	behindPostHead
	inPostBody
	behindPost
	probingGet
	probingPost
	inRequest
	behindRequest
	before2probe
	in2probe
	behind2probe
	before5
	in5
	behind5
	behind5AndMore
	inFrame
	betweenFrames
	insteadOf5
	besides5
)

// fate is what may become of a session.
type fate uint8

const (
	either fate = iota
	lives
	dies
)

// moments has a word for each moment, and what must become of the session. A request that the server has seen may have
// taken effect, and its answer is lost: then either is right, and the client cannot tell what else is lost.
var moments = [...]struct {
	name string
	fate fate
}{
	never:          {"nothing goes wrong", lives},
	inGetHead:      {"in the head of a GET", lives},
	behindGet:      {"behind a GET", either},
	inPostHead:     {"in the head of a POST", lives},
	behindPostHead: {"between the head of a POST and its body", dies},
	inPostBody:     {"in the body of a POST", dies},
	behindPost:     {"behind a POST", either},
	probingGet:     {"behind a GET, while a WebSocket probes", either},
	probingPost:    {"in the body of a POST, while a WebSocket probes", either},
	inRequest:      {"in the upgrade request", lives},
	behindRequest:  {"behind the upgrade request", lives},
	before2probe:   {"before 2probe", lives},
	in2probe:       {"in 2probe", lives},
	behind2probe:   {"behind 2probe", lives},
	before5:        {"between 3probe and 5", lives},
	in5:            {"in 5", lives},
	behind5:        {"behind 5", either},
	behind5AndMore: {"behind 5 and what waited", either},
	inFrame:        {"in a frame", dies},
	betweenFrames:  {"between frames", dies},
	insteadOf5:     {"something else is said instead of 5", lives},
	besides5:       {"a second WebSocket probes", lives},
}

// plan is what happens to one traveller.
type plan struct {
	seed, index uint64
	at          moment
	reset       bool // connections are cut by a reset, not by a close
}

func (p plan) random() *rand.Rand { return rand.New(rand.NewPCG(p.seed, p.index)) }

// fate is what must become of the session. A reset may destroy what is sent before it, and with it every reason to end
// the session.
func (p plan) fate() fate {
	if f := moments[p.at].fate; f != dies || !p.reset || p.at >= inRequest {
		return f
	}
	return either
}

func (p plan) String() string {
	how := ""
	if p.at != never && p.at < insteadOf5 {
		how = map[bool]string{false: "closed ", true: "reset "}[p.reset]
	}
	return how + moments[p.at].name
}
