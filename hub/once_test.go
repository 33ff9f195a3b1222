package hub

import (
	"sync"
	"sync/atomic"
	"testing"
)

// counted is a value that counts how often it is encoded.
type counted struct{ times *atomic.Int64 }

func (c counted) MarshalJSON() ([]byte, error) {
	c.times.Add(1)
	return []byte(`{"encoded":true}`), nil
}

// TestABroadcastIsEncodedOnce, however many members it has, and on however many loops they are.
func TestABroadcastIsEncodedOnce(t *testing.T) {
	const members = 1000
	s := start(t, Options{Loops: 4}, func(s *Server) {
		s.OnConnect(func(s *Socket) { _ = s.Join("all") })
	})
	peers := joinAll(t, s, members)
	c := counted{new(atomic.Int64)}
	emit(t, s.To(peers[0].id), "one", c)
	peers[0].expect(`42["one",{"encoded":true}]`)
	once := c.times.Swap(0) // 2 under the race detector, for whose sake the JSON library encodes again
	emit(t, s, "everyone", c)
	emit(t, s.To("all"), "room", c)
	emit(t, s.Volatile().Except("nobody"), "volatile", c, []byte{1})
	var hearing sync.WaitGroup
	for i := range 4 {
		hearing.Go(func() {
			for _, p := range peers[i*members/4 : (i+1)*members/4] {
				for _, want := range []string{
					`42["everyone",{"encoded":true}]`, `42["room",{"encoded":true}]`,
					`451-["volatile",{"encoded":true},{"_placeholder":true,"num":0}]`, "<bin 01>",
				} {
					if got := p.message(); got != want {
						t.Errorf("got %q, want %q", got, want)
						return
					}
				}
			}
		})
	}
	hearing.Wait()
	if n := c.times.Load(); once > 2 || n != 3*once {
		t.Errorf("a message to one was encoded %d times, and 3 broadcasts %d times", once, n)
	}
}
