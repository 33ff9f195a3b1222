package starlingtest

import (
	"testing"

	"go.uber.org/goleak"
)

// NoLeaks is what the TestMain of a package calls whose tests run servers within themselves: it runs the tests, then what
// lets go of what they share, and wants no goroutine to be left over.
func NoLeaks(m *testing.M, letGo ...func()) {
	goleak.VerifyTestMain(tests{m, letGo},
		// gnet's goroutine pool (ants) keeps its housekeeping for the life of the process, its workers for a while.
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*goWorker).run.func1"),
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"),
	)
}

type tests struct {
	*testing.M
	letGo []func()
}

func (t tests) Run() int {
	code := t.M.Run()
	for _, f := range t.letGo {
		f()
	}
	return code
}
