package server_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// source is a client that sends numbered events to one other client at a time.
type source struct {
	*client
	mu sync.Mutex
}

// newSource connects a source, which reads for itself until the test ends.
func newSource(t *testing.T, addr string) *source {
	t.Helper()
	s := &source{client: mustJoin(t, addr)}
	go func() {
		for {
			f, err := s.ReadFrame()
			if err != nil {
				return
			}
			if string(f.Payload) == "2" {
				s.write("3")
			}
		}
	}()
	return s
}

// write sends a packet. Should it fail, then what was to come of it is missing elsewhere.
func (s *source) write(packet string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.send(packet)
}

// push sends an event to a room, or where there is none directly to a socket.
func (s *source) push(room, id string, n int) {
	if room != "" {
		s.write(fmt.Sprintf(`42["room",%q,%d]`, room, n))
		return
	}
	s.write(fmt.Sprintf(`42["direct",%q,%d]`, id, n))
}

// crier tells everyone a number now and then.
type crier struct {
	mu       sync.Mutex
	client   *client
	begun    atomic.Int64
	answered atomic.Int64
}

func newCrier(t *testing.T, addr string) *crier {
	t.Helper()
	return &crier{client: mustJoin(t, addr)}
}

// cry tells everyone the next number, and returns when the server has acknowledged it.
func (c *crier) cry() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.begun.Add(1)
	got, err := c.client.exchange(fmt.Sprintf(`42%d["everyone",%d]`, n, n))
	for err == nil && strings.HasPrefix(got, `42["everyone",`) {
		got, err = c.client.receive()
	}
	if want := fmt.Sprintf(`43%d["ok"]`, n); err == nil && got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	c.answered.Store(n)
	return err
}

// sent is the last number that anybody can have heard of, and acknowledged one that all have coming to them.
func (c *crier) sent() int { return int(c.begun.Load()) }

func (c *crier) acknowledged() int { return int(c.answered.Load()) }
