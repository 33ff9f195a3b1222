package recovery

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// drawTape returns a tape of random bytes.
func drawTape(r *rand.Rand, n int) []byte {
	tape := make([]byte, n)
	for i := range tape {
		tape[i] = byte(r.Uint32())
	}
	return tape
}

func TestAgainstTheObviousTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	refused, done, ended := map[error]int{}, 0, 0
	for range 230 {
		w := newWorld(t, drawTape(r, 5000))
		w.run()
		done, ended = done+w.done, ended+w.ended
		for err, n := range w.refused {
			refused[err] += n
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d recoveries, refused: %v, %d ended by acts", done, refused, ended)
	for _, err := range []error{ErrOffset, ErrAge, ErrDropped, ErrReplayBytes, ErrForgotten} {
		if refused[err] == 0 {
			t.Errorf("nobody was refused for: %v", err)
		}
	}
	if done < 1000 {
		t.Errorf("only %d recoveries", done)
	}
}

func FuzzJournal(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 10 {
		tape := drawTape(r, 300)
		tape[0] = byte(i)
		f.Add(tape)
	}
	f.Fuzz(func(t *testing.T, tape []byte) {
		const stepsMax = 2000 // the twin takes quadratic time
		newWorld(t, slices.Clone(tape[:min(len(tape), stepsMax)])).run()
	})
}
