package session

import "time"

// Rate is how often a client may do something: so many times in a second, and as often at once as in burstTime after a quiet
// time. The zero value is no bound.
type Rate struct {
	each  time.Duration // in which one more may be
	burst time.Duration // that may be used in advance
}

// NewRate makes a Rate of so many in a second, up to one in a nanosecond; 0 is no bound.
func NewRate(perSecond int) (r Rate) {
	if perSecond > 0 {
		r.each = time.Second / time.Duration(perSecond)
		r.burst = r.each * time.Duration(perSecond) * burstSeconds
	}
	return r
}

// bucket is what a client has done, held against a Rate: the time on the loop's clock at which all of it will have been
// allowed. It costs a client 8 bytes, and no timer.
type bucket time.Duration

// take counts one more, and reports whether it may be. What may not is not counted.
func (b *bucket) take(r Rate, now time.Duration) bool {
	if r.each == 0 {
		return true
	}
	next := max(time.Duration(*b), now) + r.each
	if next > now+r.burst {
		return false
	}
	*b = bucket(next)
	return true
}

// allowsControl counts a packet, or a frame of a WebSocket, that means nothing to Socket.IO, and reports whether it may be.
// Each costs next to nothing, and so nothing else would end a flood of them.
func (s *Session) allowsControl() bool {
	return s.control.take(s.table.cfg.ControlRate, s.table.loop.Now())
}

// idle takes such a packet or frame, which is ignored as by the reference server: its number alone counts.
func (s *Session) idle() {
	if !s.allowsControl() {
		s.flooded()
	}
}

// message gives a message to the Upper.
func (s *Session) message(b []byte, binary bool) {
	switch rate := &s.table.cfg.MessageRate; {
	case rate.each != 0 && !s.messages.take(*rate, s.table.loop.Now()): // most have no such bound
		s.flooded()
	case binary:
		s.upper.OnBinary(b)
	default:
		s.upper.OnText(b)
	}
}

// flooded ends the session of a client that sends too much. One that polls learns of it by the answer to its POST.
func (s *Session) flooded() {
	if q := s.poll; q != nil && q.post != nil {
		q.post.refuse(s.table, faultFlood)
	}
	s.Close(Flood)
}
