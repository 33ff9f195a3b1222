package recovery

import "slices"

// slowAct is what an act of a world means, by what the players know of themselves.
type slowAct struct {
	aim   Aim
	ban   bool
	loops int                   // that have still to do it
	held  map[*slowSession]bool // sessions that it has meant when it began, and whose rooms nobody else has changed since
}

func (a *slowAct) means(p *player) bool {
	in := func(room string) bool { return p.rooms[room] }
	also := func(room string) bool { return p.rooms[room] && room != p.id }
	return (a.aim.Everyone || slices.ContainsFunc(a.aim.Rooms, in)) && !slices.ContainsFunc(a.aim.Except, in) &&
		(a.ban || slices.ContainsFunc(a.aim.Also, also))
}

// act has sockets disconnected, or taken out of rooms, on all loops.
func (w *world) act() {
	p := w.players[w.draw(len(w.players))]
	a := &slowAct{aim: w.drawAim(p), ban: w.draw(2) == 0, loops: len(w.loops), held: map[*slowSession]bool{}}
	if !a.ban {
		a.aim.Also = []string{worldRooms[w.draw(len(worldRooms))], p.id}
	}
	var want []string
	for _, p := range w.players {
		if !p.goesOn() || !a.means(p) {
			continue
		}
		a.held[p.session] = true
		switch p.state {
		case online: // its loop will come to it
		case offline:
			want = append(want, p.id)
		case taken, connecting:
			p.session.doomed = true
		}
	}
	over, end := w.j.Begin(a.aim)
	w.acts = append(w.acts, a)
	w.expectOver(over, want)
	for i := range w.loops {
		l := &w.loops[i]
		w.post(l, func() { w.actOn(l, a, end) })
	}
}

// goesOn reports whether the player is in its session or comes back to it, and does not begin another one.
func (p *player) goesOn() bool { return p.session != nil && p.session.id == p.id }

// expectOver wants those sessions to be over that were to be, and those alone.
func (w *world) expectOver(over []Saved, want []string) {
	var got []string
	for _, s := range over {
		got = append(got, s.SocketID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Fatalf("over are %q, want %q", got, want)
	}
	w.ended += len(over)
	w.end(over)
}

// actOn is what a loop does for an act. When all have done it, no session that it has meant is left, or left in the rooms.
func (w *world) actOn(l *worldLoop, a *slowAct, end func()) {
	for _, p := range w.players {
		if p.state != online || p.loop != l || !a.means(p) {
			continue
		}
		if a.ban {
			w.check(p)
			w.connect(p, p.id+"'")
			continue
		}
		for _, room := range a.aim.Also {
			if p.rooms[room] && room != p.id {
				w.change(p, room, false)
			}
		}
	}
	if a.loops--; a.loops > 0 {
		return
	}
	end()
	w.acts = slices.DeleteFunc(w.acts, func(o *slowAct) bool { return o == a })
	for _, p := range w.players {
		if p.goesOn() && a.held[p.session] && !p.session.doomed && a.means(p) {
			w.t.Fatalf("the act %+v was without effect on %s, which is in %v", a.aim, p.id, p.rooms)
		}
	}
}
