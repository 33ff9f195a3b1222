// Package advisories_test holds the real binary against what other servers of this field were warned of: each advisory is
// an entry of a table, with the bytes that did the harm there and what must come of them here.
package advisories_test

import (
	"os"
	"testing"

	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) { os.Exit(starlingtest.Main(m)) }
