package starlingtest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scenarioTimeout bounds failures only; no test waits for it to pass.
const scenarioTimeout = 3 * Patience

// Scenarios are the names of the files in the folder scenarios of the test's package. Whoever adds one there has added a
// test.
func Scenarios(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("scenarios/*.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no scenario in scenarios/: %v", err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".mjs")
	}
	return files
}

// FindTool returns the path of a program, and skips the test on a machine without it.
func FindTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Lacking(t, "there is no "+name+" in the PATH")
	}
	return path
}

// Lacking skips a test that lacks something, unless this machine is CI, where no test must go missing.
func Lacking(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("CI must run this test, but %s", what)
	}
	t.Skipf("%s (`make test` sees to it)", what)
}

// Converse runs a scenario to its end, and fails the test if the scenario fails. It calls hear for each line that the
// scenario writes; what hear returns is the scenario's next line to read, "" for none.
func Converse(t *testing.T, hear func(line string) (answer string), name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), scenarioTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = Patience
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if answer := hear(lines.Text()); answer != "" {
			fmt.Fprintln(stdin, answer) // a scenario that no longer reads has failed, and says why below
		}
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		err = fmt.Errorf("not over within %v: %w", scenarioTimeout, err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, stderr.String())
	}
}
