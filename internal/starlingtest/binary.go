package starlingtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"starling/internal/invariants"
)

// Main is what a package's TestMain calls instead of m.Run; it removes what ServerBinary has built.
func Main(m *testing.M) int {
	defer removeBuilt()
	return m.Run()
}

// ServerBinary is the path of the server's binary, which the first call builds as the tests themselves were built: with
// assertions and race detector, or without. With STARLING_BINARY it is that binary instead, say a release. The calling
// package must have Main as its TestMain.
func ServerBinary(t testing.TB) string {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// buildDir is where the binary is built, "" while it is not.
var buildDir string

var built = sync.OnceValues(func() (binary string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	if err = touchSources(root); err != nil {
		return "", err
	}
	if binary := os.Getenv("STARLING_BINARY"); binary != "" {
		return filepath.Abs(binary)
	}
	if buildDir, err = os.MkdirTemp("", "starlingtest"); err != nil {
		return "", err
	}
	binary = filepath.Join(buildDir, "starling")
	args := []string{"build", "-o", binary}
	if invariants.Enabled {
		args = append(args, "-tags", "invariants")
	}
	if RaceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "./cmd/starling")...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", build, err, out)
	}
	return binary, nil
})

func removeBuilt() {
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
}

// moduleRoot is the folder of go.mod, at or above the one that the tests run in.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.Join(err, errors.New("starlingtest: no go.mod here or above"))
}

// touchSources looks at each folder of the module. The go command watches what a test looks at and runs it again, rather
// than repeating its last result, when something of that has changed; it cannot see what a process that the test started
// has read, such as the build.
func touchSources(root string) error {
	return filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".git", "bin", "node_modules"}, d.Name()) {
			return filepath.SkipDir
		}
		return err
	})
}
