package doctor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Why a file of the kernel's tells nothing.
var (
	// errAbsent: it is not there, or not for this process. Containers do not show all of /proc.
	errAbsent = errors.New("not to be seen here")
	// errGarbled: it is there, and is not what is expected.
	errGarbled = errors.New("not understood")
)

// reader reads the small files in which the kernel tells of itself.
type reader struct{ root fs.FS }

// text is a file's content, of which no more than fileBytesMax are looked at.
func (r reader) text(name string) (string, error) {
	f, err := r.root.Open(name)
	if err != nil {
		return "", fmt.Errorf("%w: /%s", errAbsent, name)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, fileBytesMax))
	if err != nil {
		return "", fmt.Errorf("%w: /%s", errAbsent, name)
	}
	return string(b), nil
}

// number is the field at that place of a file, counted from 0.
func (r reader) number(name string, at int) (int64, error) {
	text, err := r.text(name)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(text)
	if at >= len(fields) {
		return 0, garbled(text)
	}
	n, err := parseCount(fields[at])
	if err != nil {
		return 0, garbled(text)
	}
	return n, nil
}

// sysctl is a setting of the kernel by its name, net.core.somaxconn.
func (r reader) sysctl(name string, at int) (int64, error) { return r.number(sysctlFile(name), at) }

func sysctlFile(name string) string { return "proc/sys/" + strings.ReplaceAll(name, ".", "/") }

// row is the number behind a label, in the line that begins with it: MemTotal: 1024 kB.
func (r reader) row(name, label string) (int64, error) {
	text, err := r.text(name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == label {
			n, err := parseCount(fields[1])
			if err != nil {
				return 0, garbled(line)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: %s in /%s", errAbsent, label, name)
}

// parseCount reads a number that is not negative. What is larger than an int64 is the largest of them: the kernel says
// "unlimited" so.
func parseCount(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, err
	}
	return int64(min(n, math.MaxInt64)), nil
}

// garbled says what was found instead of what was expected.
func garbled(text string) error {
	return fmt.Errorf("%w: %q", errGarbled, clip(strings.TrimSpace(text)))
}

// isWord reports whether a text is a name as the kernel has them, and can be shown as it is.
func isWord(text string) bool {
	return text != "" && len(text) <= quotedBytesMax && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7F
	})
}

// clip shortens what is shown of a text, and takes out of it what would not stay on its line.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, text)
	if len(text) > quotedBytesMax {
		return strings.ToValidUTF8(text[:quotedBytesMax], "") + "…"
	}
	return text
}

// unknown is the result of a check that cannot be made.
func unknown(name, why string, err error) Result {
	return Result{Check: name, Verdict: Skip, Found: err.Error(), Why: why}
}
