package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzReadConfig wants of any file entries with names and values as kong takes them, or mistakes on one line each, which do not
// have more of the file in them than names.
func FuzzReadConfig(f *testing.F) {
	for _, content := range []string{
		"addr: :8080\norigins: [https://a.example, https://b.example]\n", "# nothing\n", "a: b\n---\nc: d\n", "- a\n", "a: {b: c}\n", "a:\n",
		"a: &x b\nc: *x\n", "a: [&x]\n", "a: |\n  text\n", "\"a\": 0x12\n", "a: b: c\n", "\xff", "? a\n: b\n", "<<: {a: b}\n",
	} {
		f.Add([]byte(content))
	}
	name := filepath.Join(f.TempDir(), "starling.yaml")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		file, mistakes := readConfig(name)
		for _, mistake := range mistakes {
			if !strings.HasPrefix(mistake.Error(), name) {
				t.Fatalf("%q: the mistake does not say where it is: %v", content, mistake)
			}
		}
		for _, e := range file.entries {
			switch value := e.value.(type) {
			case nil:
				if len(mistakes) == 0 {
					t.Fatalf("%q: %s has no value, and there is no mistake", content, e.name)
				}
			case string:
			case []any:
				for _, item := range value {
					if _, ok := item.(string); !ok {
						t.Fatalf("%q: %s has a %T in its list", content, e.name, item)
					}
				}
			default:
				t.Fatalf("%q: %s is a %T", content, e.name, value)
			}
			if !strings.HasPrefix(e.at, name+":") {
				t.Fatalf("%q: %s stands at %q", content, e.name, e.at)
			}
		}
	})
}
