package folder

import (
	"path/filepath"
	"runtime/debug"
	"strings"
)

// Tool is what measured.
type Tool struct {
	Version string   `json:"version"`
	Commit  string   `json:"commit"`   // of the source it was built from, "" if that is not known
	Changed bool     `json:"modified"` // there were changes that are in no commit
	Argv    []string `json:"argv"`     // the command line as it was typed, but for where the program lies and what is secret
}

// ThisTool describes the running program. The commit is what the build says of itself unless one is given; argv is os.Args.
func ThisTool(version, commit string, argv []string) Tool {
	t := Tool{Version: version, Commit: commit, Argv: append([]string(nil), argv...)}
	if len(t.Argv) > 0 { // go run builds in a folder nobody has typed
		t.Argv[0] = filepath.Base(t.Argv[0])
	}
	if info, ok := debug.ReadBuildInfo(); ok && commit == "" {
		t.built(info.Settings)
	}
	return t
}

func (t *Tool) built(settings []debug.BuildSetting) {
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			t.Commit = s.Value
		case "vcs.modified":
			t.Changed = s.Value == "true"
		}
	}
}

// text names the version and the commit.
func (t Tool) text() string {
	parts := []string{strings.TrimSpace("bench " + t.Version)}
	if t.Commit != "" {
		parts = append(parts, "commit "+t.Commit[:min(len(t.Commit), 12)])
	}
	if t.Changed {
		parts = append(parts, "with changes")
	}
	return strings.Join(parts, ", ")
}

// command is the command line as a shell takes it.
func (t Tool) command() string {
	words := make([]string, len(t.Argv))
	for i, w := range t.Argv {
		words[i] = quoted(w)
	}
	return strings.Join(words, " ")
}

func quoted(word string) string {
	safe := func(r rune) bool {
		return r < 128 && plain(byte(r)) || strings.ContainsRune("./:=,@%+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !safe(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
