package chaos

import (
	"testing"

	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) { starlingtest.NoLeaks(m) }
