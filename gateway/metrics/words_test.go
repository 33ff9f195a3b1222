package metrics

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestWords(t *testing.T) {
	made := map[string]int{}
	w := newWords(func(word string) string { made[word]++; return "<" + word + ">" }, "ok")
	if fmt.Sprint(made) != "map[ok:1]" {
		t.Fatalf("made %v before anybody asked, want what is known alone", made)
	}
	for _, tc := range []struct{ name, word, want string }{
		{"known before", "ok", "<ok>"},
		{"new", "room_forbidden", "<room_forbidden>"},
		{"a second time", "room_forbidden", "<room_forbidden>"},
		{"all that a word may have", "abz-_.09", "<abz-_.09>"},
		{"as long as it may be", strings.Repeat("a", 40), "<" + strings.Repeat("a", 40) + ">"},
		{"too long", strings.Repeat("a", 41), "<other>"},
		{"empty", "", "<other>"},
		{"upper case, as in a socket id", "Ab3dE", "<other>"},
		{"a blank", "a b", "<other>"},
		{"a room", "ws:acme", "<other>"},
		{"beyond ASCII", "größe", "<other>"},
		{"other itself", "other", "<other>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := w.of(tc.word); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	for word, n := range made {
		if n != 1 {
			t.Errorf("%q was made %d times", word, n)
		}
	}
}

func TestWordsAreBounded(t *testing.T) {
	w := newWords(func(word string) string { return word }, "ok")
	for i := range WordsMax - 1 {
		word := fmt.Sprint("w", i)
		if got := w.of(word); got != word {
			t.Fatalf("%q is %q while there is room", word, got)
		}
	}
	for _, word := range []string{"late", "later"} {
		if got := w.of(word); got != otherWord {
			t.Errorf("%q is %q, want other", word, got)
		}
	}
	if got := w.of("w7"); got != "w7" {
		t.Errorf("one that was there is %q now", got)
	}
}

func TestWordsFromManySides(t *testing.T) {
	made := map[string]int{} // guarded by the lock of w
	w := newWords(func(word string) *int { made[word]++; return new(int) })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2 * WordsMax {
				w.of(fmt.Sprint("w", i))
			}
		})
	}
	wg.Wait()
	if len(made) != WordsMax+1 {
		t.Errorf("made %d words, want %d and other", len(made), WordsMax)
	}
	for word, n := range made {
		if n != 1 {
			t.Errorf("%q was made %d times", word, n)
		}
	}
}
