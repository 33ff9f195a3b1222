package hub

import (
	"fmt"
	"testing"
)

// FuzzParseCursor wants a place read that can be written again as the same place.
func FuzzParseCursor(f *testing.F) {
	for _, cursor := range []string{"", "0:0", "3:-1", "1", "1:", ":1", "-1:0", "+1:+2", "01:007", "9223372036854775808:0", "1:2:3"} {
		f.Add(cursor)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		loop, at, ok := parseCursor(cursor)
		if !ok {
			return
		}
		if loop < 0 || cursor == "" && (loop != 0 || at != -1) {
			t.Fatalf("%q is loop %d", cursor, loop)
		}
		if again, atAgain, ok := parseCursor(fmt.Sprintf("%d:%d", loop, at)); !ok || again != loop || atAgain != at {
			t.Fatalf("%q is %d, %d, and then %d, %d, %v", cursor, loop, at, again, atAgain, ok)
		}
	})
}
