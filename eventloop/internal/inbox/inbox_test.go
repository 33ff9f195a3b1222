package inbox

import (
	"sync"
	"testing"
)

func TestFirstInFirstOut(t *testing.T) {
	var b Inbox[int]
	const backlog = 10_000 // well past the 1,024 at which gnet's own queue begins to reorder
	for i := range backlog {
		if !b.Put(i, 0) {
			t.Fatalf("Put(%d) was refused without a limit", i)
		}
	}
	for i := range backlog {
		if i == backlog/2 {
			b.Put(backlog, 0) // arrives while a batch is half consumed
		}
		if v, ok := b.Next(); !ok || v != i {
			t.Fatalf("Next() = %d, %v; want %d", v, ok, i)
		}
	}
	if v, ok := b.Next(); !ok || v != backlog {
		t.Fatalf("Next() = %d, %v; want the late element %d", v, ok, backlog)
	}
	if _, ok := b.Next(); ok || !b.Empty() {
		t.Fatal("an emptied inbox still has something")
	}
}

func TestPeekDoesNotConsume(t *testing.T) {
	var b Inbox[int]
	if _, ok := b.Peek(); ok {
		t.Fatal("an empty inbox has something to see")
	}
	b.Put(1, 0)
	b.Put(2, 0)
	for want := 1; want <= 2; want++ {
		if v, ok := b.Peek(); !ok || v != want {
			t.Fatalf("Peek() = %d, %v; want %d", v, ok, want)
		}
		if v, ok := b.Next(); !ok || v != want {
			t.Fatalf("Next() = %d, %v; want %d", v, ok, want)
		}
	}
}

func TestLimit(t *testing.T) {
	var b Inbox[int]
	for i := range 3 {
		if !b.Put(i, 3) {
			t.Fatalf("Put %d of 3 was refused", i)
		}
	}
	if b.Put(3, 3) {
		t.Fatal("a fourth element passed a limit of 3")
	}
	b.Next()
	if !b.Put(3, 3) {
		t.Fatal("refused although the consumer has taken the batch")
	}
}

func TestEachProducersOrderIsKept(t *testing.T) {
	const producers, each = 8, 5_000
	type mark struct{ producer, n int }
	var b Inbox[mark]
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for n := range each {
				b.Put(mark{p, n}, 0)
			}
		})
	}
	var seen [producers]int
	for total := 0; total < producers*each; {
		m, ok := b.Next()
		if !ok {
			continue
		}
		if m.n != seen[m.producer] {
			t.Fatalf("producer %d: got %d, want %d", m.producer, m.n, seen[m.producer])
		}
		seen[m.producer]++
		total++
	}
	wg.Wait()
}

func TestAConsumedElementIsNotKeptAlive(t *testing.T) {
	var b Inbox[*int]
	b.Put(new(int), 0)
	b.Put(new(int), 0)
	b.Next()
	if b.batch[0] != nil {
		t.Fatal("the consumed slot still holds its pointer")
	}
}

// TestWaiting counts what was put and not consumed, taken or not.
func TestWaiting(t *testing.T) {
	var b Inbox[int]
	want := func(n int) {
		t.Helper()
		if got := b.Waiting(); got != n {
			t.Fatalf("%d elements wait, want %d", got, n)
		}
	}
	want(0)
	for i := range 3 {
		b.Put(i, 0)
	}
	want(3)
	b.Next()
	want(2)
	b.Put(3, 0)
	want(3)
	for range 3 {
		b.Next()
	}
	want(0)
}
