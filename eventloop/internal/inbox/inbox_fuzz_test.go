package inbox

import "testing"

// FuzzInbox holds an Inbox against a slice, and against the number of those that the consumer has not swapped in yet, which
// is what a limit counts.
func FuzzInbox(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 2, 0, 1, 1, 3, 1, 1})
	f.Add([]byte{0x30, 0x30, 0x30, 1, 0x30, 2, 1, 1, 1, 1})
	f.Add([]byte{2, 1, 3, 0, 3, 2, 1})
	f.Add([]byte{0, 0, 1, 3, 1, 3})
	f.Fuzz(func(t *testing.T, acts []byte) {
		var b Inbox[int]
		var all []int
		untaken, next := 0, 0
		for _, act := range acts {
			if act%4 > 0 && len(all) == untaken { // the consumer finds its batch empty, and swaps
				if act%4 < 3 {
					untaken = 0
				}
			}
			switch limit := int(act >> 4); act % 4 {
			case 0:
				put := b.Put(next, limit)
				if want := limit == 0 || untaken < limit; put != want {
					t.Fatalf("with %d waiting a limit of %d lets one in: %v", untaken, limit, put)
				}
				if put {
					all = append(all, next)
					untaken++
				}
				next++
			case 1:
				v, ok := b.Next()
				check(t, "Next", v, ok, all)
				if ok {
					all = all[1:]
				}
			case 2:
				v, ok := b.Peek()
				check(t, "Peek", v, ok, all)
			case 3:
				if b.Empty() != (len(all) == 0) {
					t.Fatalf("empty: %v, of %d", b.Empty(), len(all))
				}
			}
			if b.Waiting() != len(all) || b.Len() != untaken {
				t.Fatalf("%d wait, %d of them not taken; want %d, %d", b.Waiting(), b.Len(), len(all), untaken)
			}
		}
	})
}

// check wants the first of all.
func check(t *testing.T, what string, v int, ok bool, all []int) {
	t.Helper()
	if ok != (len(all) > 0) || ok && v != all[0] || !ok && v != 0 {
		t.Fatalf("%s: %d, %v of %v", what, v, ok, all)
	}
}

// TestAFloodsMemoryIsGivenBack: of a batch that was very long the next one does not keep the room.
func TestAFloodsMemoryIsGivenBack(t *testing.T) {
	var b Inbox[int]
	for _, row := range []struct {
		puts int
		kept bool
	}{{batchKeptMax + 1, false}, {batchKeptMax / 2, true}} {
		b = Inbox[int]{in: make([]int, 0, row.puts)}
		for i := range row.puts {
			b.Put(i, 0)
		}
		for range row.puts {
			b.Next()
		}
		b.Put(0, 0)
		b.Next() // swaps the emptied batch for this one
		if got := cap(b.in) >= row.puts; got != row.kept {
			t.Errorf("after %d elements there is room for %d", row.puts, cap(b.in))
		}
	}
}
