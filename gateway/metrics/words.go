package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// otherWord stands for all words that a label has no room for.
const otherWord = "other"

// words keeps one T for each value of a label, and bounds how many there may be. Looking one up takes no lock and no
// memory.
type words[T any] struct {
	known atomic.Pointer[map[string]T] // never changed once it is here
	lock  sync.Mutex                   // for those who replace it
	make  func(word string) T
	other func() T // made when it is needed
}

// newWords begins with the words that are there before anything has happened, so that a rate can be told from the first
// time on.
func newWords[T any](make func(string) T, known ...string) *words[T] {
	w := &words[T]{make: make, other: sync.OnceValue(func() T { return make(otherWord) })}
	first := map[string]T{}
	for _, word := range known {
		first[word] = make(word)
	}
	w.known.Store(&first)
	return w
}

// of returns what belongs to a word.
func (w *words[T]) of(word string) T {
	if v, ok := (*w.known.Load())[word]; ok {
		return v
	}
	return w.add(word)
}

func (w *words[T]) add(word string) T {
	w.lock.Lock()
	defer w.lock.Unlock()
	before := *w.known.Load()
	if v, ok := before[word]; ok { // somebody was faster
		return v
	}
	if word == otherWord || len(before) >= WordsMax || !isWord(word) {
		return w.other()
	}
	v := w.make(word)
	after := maps.Clone(before)
	after[word] = v
	w.known.Store(&after)
	return v
}

// isWord tells a name that somebody has chosen from what came over a network: lower case letters, digits, '_', '-' and '.'.
func isWord(s string) bool {
	if s == "" || len(s) > wordBytesMax {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}
