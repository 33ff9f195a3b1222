package recovery

import (
	"hash/maphash"
	"slices"
)

// act is what Begin has begun. Of the sessions that are kept, those that it means stand where its walk has not been yet.
//
// The walk goes through the crowd from its end to its beginning: whoever is saved meanwhile stands behind it, and so does whoever
// comes to stand in the place of another one.
type act struct {
	aim         Aim
	rooms, also []signature // one for each of aim's
	ahead       int         // how many of the crowd the walk has not seen
}

func newAct(aim Aim) *act {
	return &act{aim: aim, rooms: signatures(aim.Rooms), also: signatures(aim.Also)}
}

// begin has an act concern everybody: those in transit at once, those that are kept as its walk comes to them, and those that
// will be saved.
func (s *sessions) begin(a *act) {
	s.acts = append(s.acts, a)
	a.ahead = len(s.crowd)
	for _, n := range s.transit.m {
		if a.means(&n.value) {
			n.value.doomed = true
		}
	}
}

// walk takes out the sessions that an act means, looking at some, and reports whether there are more.
func (s *sessions) walk(a *act, atOnce int, over *[]Saved) (more bool) {
	a.ahead = min(a.ahead, len(s.crowd))
	for until := max(a.ahead-atOnce, 0); a.ahead > until; {
		a.ahead--
		if m := s.crowd[a.ahead]; a.may(m.rooms) && a.means(&m.node.value) {
			*over = append(*over, s.remove(m.node))
			a.ahead = min(a.ahead, len(s.crowd))
		}
	}
	return a.ahead > 0
}

// end has an act concern nobody any more.
func (s *sessions) end(a *act) {
	s.acts = slices.DeleteFunc(s.acts, func(o *act) bool { return o == a })
	if len(s.acts) == 0 {
		s.acts = nil
	}
}

// meant reports whether an act means a session.
func (s *sessions) meant(x *session) bool {
	return slices.ContainsFunc(s.acts, func(a *act) bool { return a.means(x) })
}

// may reports whether the act can mean sessions of a signature, which most of those that it does not mean have not.
func (a *act) may(s signature) bool {
	has := func(room signature) bool { return s&room == room }
	return (a.aim.Everyone || slices.ContainsFunc(a.rooms, has)) && (a.aim.Also == nil || slices.ContainsFunc(a.also, has))
}

// means reports whether the act means a session.
func (a *act) means(x *session) bool {
	if !a.may(x.rooms) {
		return false
	}
	joined := x.saved.History.in
	in := func(room string) bool { return room == x.saved.SocketID || joined(room) }
	return (a.aim.Everyone || slices.ContainsFunc(a.aim.Rooms, in)) && !slices.ContainsFunc(a.aim.Except, in) &&
		(a.aim.Also == nil || slices.ContainsFunc(a.aim.Also, joined))
}

// crowd is the sessions that are kept, in no order and close together: a walk over a list would wait for the memory of each.
type crowd []member

type member struct {
	rooms signature
	node  *node[session]
}

func (c *crowd) add(n *node[session]) {
	n.value.place = int32(len(*c))
	*c = append(*c, member{n.value.rooms, n})
}

// remove takes a session out; the last one takes its place.
func (c *crowd) remove(n *node[session]) {
	all, at, last := *c, n.value.place, len(*c)-1
	all[at] = all[last]
	all[at].node.value.place = at
	all[last] = member{}
	*c = all[:last]
	if cap(all) > crowdKeptMin && last < cap(all)/4 {
		*c = slices.Clip(slices.Clone(all[:last]))
	}
}

// signature is a set of rooms that can tell of a room that it is not in it, nearly always: it has two bits of each.
type signature uint64

var signatureSeed = maphash.MakeSeed()

func sign(room string) signature {
	h := maphash.String(signatureSeed, room)
	return 1<<(h&63) | 1<<(h>>6&63)
}

func signatures(rooms []string) (all []signature) {
	for _, room := range rooms {
		all = append(all, sign(room))
	}
	return all
}

// signature is that of the session's rooms and its id.
func (s *Saved) signature() signature {
	all := sign(s.SocketID)
	for i := range s.History.open {
		all |= sign(s.History.open[i].room)
	}
	return all
}
