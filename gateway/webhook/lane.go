package webhook

// lane is what some kinds of calls have for themselves. What a user may have the backend do is up to its handlers, and an
// event of one who means no good may take as long as he likes; that must not keep others from connecting. So events have
// a breaker of their own, and cannot take all places.
type lane struct {
	kinds   []string
	places  chan struct{} // one for each call that waits, beside Client.slots
	breaker breaker
}

const (
	laneAdmission = iota // connects and joins: questions, which handlers of much the same cost answer
	laneEvents
	laneCount
)

// laneOf is the lane of a kind of calls.
func laneOf(kind int) int {
	if kind == kindEvent {
		return laneEvents
	}
	return laneAdmission
}

func (l *lane) init(cfg *Config, places int, kinds ...string) {
	l.kinds, l.places = kinds, make(chan struct{}, places)
	l.breaker.init(cfg)
}

func (c *Client) initLanes() {
	c.lanes[laneAdmission].init(&c.cfg, c.cfg.InFlightMax, KindConnect, KindJoin)
	c.lanes[laneEvents].init(&c.cfg, c.cfg.eventsInFlightMax(), KindEvent)
}

// eventsInFlightMax is how many of the InFlightMax calls may be events.
func (cfg *Config) eventsInFlightMax() int {
	kept := (cfg.InFlightMax-1)/admissionPart + 1 // rounded up
	return max(1, cfg.InFlightMax-kept)
}

// enter takes a place of the lane, and one of those of all calls.
func (c *Client) enter(l *lane) error {
	if !take(l.places) {
		return c.refusal()
	}
	if !take(c.slots) {
		<-l.places
		return c.refusal()
	}
	if isDone(c.open) { // and Close wants all places
		c.leave(l)
		return ErrClosed
	}
	return nil
}

// leave gives both back.
func (c *Client) leave(l *lane) {
	<-c.slots
	<-l.places
}

// refusal is why there is no place: Close takes them all.
func (c *Client) refusal() error {
	if isDone(c.open) {
		return ErrClosed
	}
	return ErrBusy
}

func take(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// reportLanes says which calls fail at once now, and how often that began or went on.
func (c *Client) reportLanes(s *Stats) {
	for i := range c.lanes {
		l := &c.lanes[i]
		open, pauses := l.breaker.state()
		if open {
			s.Unavailable = append(s.Unavailable, l.kinds...)
		}
		s.Pauses += pauses
	}
}
