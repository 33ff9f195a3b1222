package wheel

import (
	"encoding/binary"
	"slices"
	"testing"
)

// FuzzWheel takes the fuzzer's bytes for acts upon a few timers: set, cancel, and let time pass; an owner whose timer is due
// acts in the same way from within. After each tick what has fired must be what the obvious twin fires.
func FuzzWheel(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 2, 0, 2, 3, 1, 1, 0, 0, 2, 9})
	f.Add([]byte{0, 0xff, 1, 3, 0, 0, 2, 1, 0, 0, 4, 2, 0xff, 2, 0xff, 2, 0xff})
	f.Add([]byte{7, 0, 0, 0, 0, 2, 1, 8, 0, 0, 1, 0, 2, 0, 0, 2, 0xff, 2, 0xff, 2, 0xff})
	f.Fuzz(func(t *testing.T, acts []byte) {
		p := &play{t: t, wheel: New(), slow: &slowWheel{at: map[*Timer]int64{}}, acts: acts}
		for len(p.acts) > 0 && p.wheel.now < 20_000 {
			p.act()
		}
		for len(p.slow.at) > 0 && p.wheel.now < 200_000 {
			p.tick()
		}
	})
}

// play is a wheel and its twin, and what is still to be done to both.
type play struct {
	t      *testing.T
	wheel  *Wheel
	slow   *slowWheel
	timers [6]Timer
	acts   []byte
	fired  []*Timer
}

// byte takes the next byte of the acts, 0 at their end.
func (p *play) byte() byte {
	if len(p.acts) == 0 {
		return 0
	}
	b := p.acts[0]
	p.acts = p.acts[1:]
	return b
}

// act does one thing from outside.
func (p *play) act() {
	if p.acts[0]%3 == 2 {
		p.byte()
		for range int(p.byte()) + 1 {
			p.tick()
		}
		return
	}
	p.change()
}

// change sets or cancels a timer. Deadlines go up to three turns of the wheel.
func (p *play) change() {
	kind := p.byte()
	timer := &p.timers[int(p.byte())%len(p.timers)]
	if kind%3 == 1 {
		p.wheel.Cancel(timer)
		delete(p.slow.at, timer)
	} else {
		ticks := int64(binary.LittleEndian.Uint16([]byte{p.byte(), kind / 3}))%1537 - 1
		p.wheel.Schedule(timer, ticks, p)
		p.slow.at[timer] = p.slow.now + max(ticks, 1)
	}
	p.same()
}

// Expired is part of Expirer.
func (p *play) Expired(timer *Timer) {
	if at, waits := p.slow.at[timer]; !waits || at != p.wheel.now || timer.Set() {
		p.t.Fatalf("tick %d: a timer fires that waits for %d: %v", p.wheel.now, at, waits)
	}
	delete(p.slow.at, timer)
	p.fired = append(p.fired, timer)
	if len(p.acts) > 2 && p.acts[0]%5 == 0 {
		p.byte()
		p.change()
	}
}

// tick lets one tick pass. What an owner has set is due later, and what it has cancelled is not due any more, so afterwards
// nothing may be left that is due.
func (p *play) tick() {
	p.fired = p.fired[:0]
	p.slow.now++
	p.wheel.Advance(p.wheel.now + 1)
	for timer, at := range p.slow.at {
		if at <= p.slow.now {
			p.t.Fatalf("tick %d: a timer that is due at %d has not fired: %v", p.slow.now, at, slices.Contains(p.fired, timer))
		}
	}
	p.same()
}

// same wants the same timers to be waiting in both.
func (p *play) same() {
	for i := range p.timers {
		if _, waits := p.slow.at[&p.timers[i]]; p.timers[i].Set() != waits {
			p.t.Fatalf("tick %d: timer %d waits: %v, want %v", p.wheel.now, i, !waits, waits)
		}
	}
}
