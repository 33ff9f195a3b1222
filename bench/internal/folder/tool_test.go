package folder

import (
	"reflect"
	"runtime/debug"
	"testing"
)

func TestTool(t *testing.T) {
	argv := []string{"/tmp/go-build1/b001/exe/bench", "echo", "-n", "5"}
	got := ThisTool("v1", "abc", argv)
	if want := (Tool{Version: "v1", Commit: "abc", Argv: []string{"bench", "echo", "-n", "5"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if argv[0] != "/tmp/go-build1/b001/exe/bench" {
		t.Error("the caller's arguments were changed")
	}
}

func TestToolKnowsItsCommit(t *testing.T) {
	var got Tool
	got.built([]debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}})
	if want := (Tool{Commit: "0123456789abcdef", Changed: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if text := got.text(); text != "bench, commit 0123456789ab, with changes" {
		t.Errorf("%q", text)
	}
}

func TestCommandLine(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "--addr=127.0.0.1:80", "--addr=127.0.0.1:80"},
		{"empty", "", "''"},
		{"spaces", "bin/starling serve", "'bin/starling serve'"},
		{"a quote", "it's", `'it'\''s'`},
		{"less than", "p99<20ms", "'p99<20ms'"},
		{"not ASCII", "é", "'é'"},
	} {
		if got := (Tool{Argv: []string{tc.in}}).command(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
