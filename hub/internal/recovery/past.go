package recovery

import "time"

// past knows how far a journal was at times gone by.
type past struct {
	step    time.Duration
	samples queue[sample]
}

// sample says that everything up to a position had been recorded by a time.
type sample struct {
	at       time.Duration
	position Position
}

// note says how far the journal is now. It keeps no more than one sample a step, and none while nothing happens.
func (p *past) note(now time.Duration, newest Position) {
	last := sample{at: -p.step}
	if p.samples.len() > 0 {
		last = p.samples.newest()
	}
	if newest != last.position && now >= last.at+p.step {
		p.samples.push(sample{now, newest})
	}
}

// at returns a position up to which everything had been recorded by a time, at most a step too low.
func (p *past) at(t time.Duration) Position {
	i := p.samples.search(func(s sample) bool { return s.at > t })
	if i == 0 {
		return 0
	}
	return p.samples.at(i - 1).position
}

// forget drops what only times before t need.
func (p *past) forget(t time.Duration) {
	for p.samples.len() > 1 && p.samples.at(1).at <= t {
		p.samples.pop()
	}
}
