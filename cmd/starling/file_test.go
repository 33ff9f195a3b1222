package main

import (
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		want       string // what is wrong, with FILE for its name; "" for nothing
	}{
		{"nothing", "", ""},
		{"comments", "# nothing\n---\n# yet\n", ""},
		{"values", "loops: 3\npath: /io/ # here\norigins: [https://a.example, 'https://b.example']\nping-interval: 90s\nclient: no\n", ""},
		{"quotes", "loops: \"3\"\npath: '/io/'\norigins:\n  - \"https://a.example\"\n  - https://b.example\nping-interval: |-\n  90s\nclient: false\n", ""},
		{"a list on one line", "loops: 3\npath: /io/\norigins: https://a.example,https://b.example\nping-interval: 90s\nclient: 0\n", ""},
		{"JSON", `{"loops": 3, "path": "/io/", "origins": ["https://a.example", "https://b.example"], "ping-interval": "90s", "client": false}`, ""},

		{"a name with a mistake", "lops: 3\n", `FILE:1: there is no setting "lops": did you mean loops?`},
		{"a name in another spelling", "ping_interval: 3s\n", `FILE:1: there is no setting "ping_interval": did you mean ping-interval?`},
		{"a name of nothing", "\ncolour: red\n", `FILE:2: there is no setting "colour"`},
		{"the file itself", "config: other.yaml\n", `FILE:1: there is no setting "config"`},
		{"help", "help: true\n", `FILE:1: there is no setting "help"`},
		{"a group", "listening:\n  loops: 3\n", `FILE:1: listening must be a value, or a list of values` + "\n" + `FILE:1: there is no setting "listening"`},
		{"a mapping", "loops: {a: 1}\n", "FILE:1: loops must be a value, or a list of values"},
		{"a list of lists", "origins: [[a]]\n", "FILE:1: origins must be a value, or a list of values"},
		{"an alias", "loops: &a 3\nmax-payload: *a\n", "FILE:1: loops must be a value, or a list of values\nFILE:2: max-payload must be a value, or a list of values"},
		{"a list for one value", "loops: [3]\n", "--loops: must be one value, not a list (file FILE:1)"},
		{"no value", "loops:\n", `FILE:1: loops has no value: write "" for an empty one`},
		{"a number that is none", "loops: three\n", "--loops: must be within 0 and 256, not three (file FILE:1)"},
		{"a number that is out of range", "#\nloops: 300\n", "--loops must be within 0 and 256, not 300 (file FILE:2)"},
		{"a time without unit", "ping-interval: 90\n", "--ping-interval: must be within 100ms and 24h, not 90: a time has a unit, as 500ms, 90s and 1h30m have (file FILE:1)"},
		{"a switch that is none", "client: maybe\n", `--client: bool value must be true, 1, yes, false, 0 or no but got "maybe" (file FILE:1)`},
		{"a secret", "jwt-secret: hush\n", "--jwt-secret must have 32 bytes or more (file FILE:1)"},
		{
			"all mistakes at once", "lops: 3\nloops: x\nmax-payload: 0\nping-interval:\n",
			`FILE:4: ping-interval has no value: write "" for an empty one` + "\n" + `FILE:1: there is no setting "lops": did you mean loops?` + "\n" +
				"--loops: must be within 0 and 256, not x (file FILE:2)\n--max-payload must be within 1 and 1073741824, not 0 (file FILE:3)",
		},

		{"a name twice", "loops: 3\nloops: 4\n", `FILE:2: mapping key "loops" already defined at [1:1]`},
		{"two documents", "loops: 3\n---\nloops: 4\n", "FILE: there is a second document"},
		{"a list", "- loops\n", "FILE:1: settings are lines of name: value"},
		{"a text", "loops\n", "FILE:1: settings are lines of name: value"},
		{"no YAML", "jwt-secret: 'hush\n", "FILE:1: could not find end character of single-quoted text"},
		{"no UTF-8", "path: \xff\n", "FILE: is no UTF-8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := write(t, tc.file)
			p := parse(t, nil, "serve", "--dev", "--config", name)
			if got := strings.ReplaceAll(says(p.err), name, "FILE"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if c := p.cli.Serve; tc.want == "" && strings.Contains(tc.file, "loops") &&
				(c.Loops != 3 || c.Path != "/io/" || strings.Join(c.Origins, " ") != "https://a.example https://b.example" || c.PingInterval.Seconds() != 90 || c.Client) {
				t.Errorf("got %+v", c.transportFlags)
			}
		})
	}
	if got, want := says(parse(t, nil, "serve", "--dev", "--config", "/nowhere/starling.yaml").err), "--config: open /nowhere/starling.yaml: no such file or directory"; got != want {
		t.Errorf("no file: got %q, want %q", got, want)
	}
}

// TestListsAreNotCut has a list of YAML keep the commas that a list of the command line is cut at.
func TestListsAreNotCut(t *testing.T) {
	p := parse(t, nil, "serve", "--dev", "--config", write(t, "jwt-secret-file: ['a,b', c]\n"))
	if got := p.cli.Serve.JWTSecretFile; p.err != nil || len(got) != 2 || got[0] != "a,b" || got[1] != "c" {
		t.Errorf("got %q, %v", got, p.err)
	}
}
