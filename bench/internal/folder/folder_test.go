package folder

import (
	"encoding/json"
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"starling/bench/internal/page/sample"
	"starling/bench/internal/report"
)

var sampleDir = flag.String("sample", "", "also write the made-up results here, to look at their report.html")

func whole() *Folder {
	return &Folder{
		Started: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC),
		Machine: machineOf(proc()),
		Tool:    Tool{Version: "v1.2.3", Commit: "0123456789abcdef", Changed: true, Argv: []string{"bench", "broadcast", "-n", "2000", "--server-cmd", "bin/starling serve"}},
		Results: append(sample.Table(), sample.Faulty(9), sample.Soak("socketio-node", 10)),
	}
}

func small() *Folder {
	return &Folder{Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Results: []*report.Report{sample.Connect("starling", 1)}}
}

func write(t *testing.T, dir string, f *Folder) {
	t.Helper()
	if err := Write(dir, f); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if *sampleDir != "" {
		dir = *sampleDir
	}
	f := whole()
	write(t, dir, f)
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range f.Results {
		if !reflect.DeepEqual(got.Results[i], r) {
			t.Errorf("%s is not what it was", r.ID)
		}
	}
	if !reflect.DeepEqual(got, f) {
		t.Errorf("got %+v %+v, want %+v %+v", got.Machine, got.Tool, f.Machine, f.Tool)
	}
	if id := got.Results[1].ID; id != "02-broadcast-starling-r1" {
		t.Errorf("ID %q", id)
	}
	for _, name := range []string{summaryName, tableName, timelineName, pageName, "02-broadcast-starling-r1.hgrm", "15-connect-starling.handshake.hgrm"} {
		if s, err := os.Stat(filepath.Join(dir, name)); err != nil || s.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSummaryKeys(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, small())
	data, err := os.ReadFile(filepath.Join(dir, summaryName))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"kind", "schema", "started", "machine", "tool", "results", "files"} {
		if got[key] == nil {
			t.Errorf("%s is missing", key)
		}
	}
	if len(got) != 7 || got["kind"] != "starling-bench" || got["schema"] != 1.0 {
		t.Errorf("%v", got)
	}
	for _, key := range []string{
		"os", "kernel", "arch", "cpu", "cpus", "cpus_usable", "cpu_quota", "virtual", "memory_bytes", "memory_limit_bytes", "load_1m", "go",
		"nofile_soft", "nofile_hard", "sysctls",
	} {
		if _, ok := got["machine"].(map[string]any)[key]; !ok {
			t.Errorf("machine has no %s", key)
		}
	}
}

func TestAnEarlierFolderIsReplaced(t *testing.T) {
	dir := t.TempDir()
	former := small()
	former.Results = append(former.Results, sample.Idle("starling", 2), sample.Connect("limit", 3))
	write(t, dir, former)
	mine := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(mine, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, dir, small())
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := "01-connect-starling.handshake.hdr 01-connect-starling.handshake.hgrm notes.txt report.html summary.json summary.md timeline.csv"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if _, err := Read(dir); err != nil {
		t.Error(err)
	}
}

// A folder in which Write was interrupted is not read, and the next Write clears it up.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, small())
	in := filepath.Join(dir, pageName, "in the way")
	if err := os.Remove(filepath.Dir(in)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(in, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, small()); err == nil {
		t.Fatal("written over a folder of that name")
	}
	if _, err := Read(dir); !errors.Is(err, ErrUnfinished) {
		t.Fatalf("read: %v", err)
	}
	if err := os.RemoveAll(filepath.Dir(in)); err != nil {
		t.Fatal(err)
	}
	write(t, dir, small())
	if _, err := Read(dir); err != nil {
		t.Error(err)
	}
}

// Before summary.json is there for the first time there is only its draft.
func TestInterruptedAtOnce(t *testing.T) {
	dir := t.TempDir()
	edit(t, dir, summaryTemp, func(string) string { return "{" })
	write(t, dir, small())
	if _, err := Read(dir); err != nil {
		t.Error(err)
	}
}

// Nothing is touched when a folder cannot be written at all.
func TestWhatCannotBeWrittenLeavesTheOld(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, small())
	bad := small()
	bad.Results[0].HandshakeHDR = []byte("no histogram")
	if err := Write(dir, bad); err == nil {
		t.Fatal("written")
	}
	if _, err := Read(dir); err != nil {
		t.Error(err)
	}
}

// edit changes a file, or makes it.
func edit(t *testing.T, dir, name string, change func(string) string) {
	t.Helper()
	path := filepath.Join(dir, name)
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(change(string(old))), 0o600); err != nil {
		t.Fatal(err)
	}
}

func replace(old, now string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, now, 1) }
}

func become(now string) func(string) string { return func(string) string { return now } }

const exactFile = "01-connect-starling.handshake.hdr"

// What is wrong with a folder, by what happened to it since it was written.
var refusals = []struct {
	name        string
	file        string // that is changed
	change      func(string) string
	read, write error // nil: it is still read, or written over
}{
	{"the summary is empty", summaryName, become(""), ErrDamaged, ErrDamaged},
	{"the summary is half", summaryName, func(s string) string { return s[:len(s)/2] }, ErrDamaged, ErrDamaged},
	{"the summary is something else", summaryName, become(`{"name": "x", "version": 1}`), ErrNotOurs, ErrNotOurs},
	{"the summary is a list", summaryName, become(`[]`), ErrDamaged, ErrDamaged},
	{"the summary is of a later version", summaryName, replace(`"schema": 1`, `"schema": 2`), ErrSchema, ErrSchema},
	{"a report is of a later version", summaryName, replace(`"schema": 2`, `"schema": 3`), ErrSchema, nil},
	{"a key has another type", summaryName, replace(`"target": "starling"`, `"target": 5`), ErrDamaged, ErrDamaged},
	{"a result has no ID", summaryName, replace(`"id": "01-connect-starling"`, `"id": ""`), ErrDamaged, nil},
	{"a result is none", summaryName, func(string) string { return `{"kind":"starling-bench","schema":1,"results":[null]}` }, ErrDamaged, nil},
	{"it was not written to the end", summaryName, replace(`"kind"`, `"unfinished": true, "kind"`), ErrUnfinished, nil},
	{"a histogram is cut", exactFile, func(s string) string { return s[:len(s)-9] }, ErrDamaged, nil},
	{"a histogram is changed", exactFile, func(s string) string { return "A" + s[1:] }, ErrDamaged, nil},
	{"the timeline is cut", timelineName, func(s string) string { return s[:20] }, ErrDamaged, nil},
	{"a name leads elsewhere", summaryName, replace(`"name": "timeline.csv"`, `"name": "../timeline.csv"`), nil, nil},
	{"the table for people is changed", tableName, become("# mine"), nil, nil},
}

func TestRefusals(t *testing.T) {
	for _, tc := range refusals {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, small())
			edit(t, dir, tc.file, tc.change)
			if _, err := Read(dir); !errors.Is(err, tc.read) {
				t.Errorf("read: %v, want %v", err, tc.read)
			}
			if err := Write(dir, small()); !errors.Is(err, tc.write) {
				t.Errorf("write: %v, want %v", err, tc.write)
			}
		})
	}
}

func TestFilesThatAreGone(t *testing.T) {
	for _, name := range []string{exactFile, timelineName} {
		dir := t.TempDir()
		write(t, dir, small())
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNotOurs(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, ErrNotOurs) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, ErrNotOurs) {
		t.Errorf("no folder: %v", err)
	}
	edit(t, dir, "letter.txt", become("dear"))
	if err := Write(dir, small()); !errors.Is(err, ErrNotOurs) {
		t.Errorf("somebody's folder: %v", err)
	}
	if err := Write(filepath.Join(dir, "letter.txt"), small()); err == nil {
		t.Error("a file became a folder")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left there: %v", entries)
	}
}

// No name in a summary.json makes Write remove what it has not written.
func TestOnlyOurFilesAreRemoved(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "out")
	write(t, dir, small())
	for _, name := range []string{"precious", "precious.hdr.txt", "../precious.hdr"} {
		edit(t, dir, name, become("x"))
		edit(t, dir, summaryName, replace(`"name": "summary.md"`, `"name": "`+name+`"`))
		if err := os.Remove(filepath.Join(dir, tableName)); err != nil {
			t.Fatal(err)
		}
		write(t, dir, small())
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReportsOfAnotherSchemaAreNotWritten(t *testing.T) {
	f := small()
	f.Results[0].Schema = report.Schema + 1
	if err := Write(t.TempDir(), f); !errors.Is(err, ErrSchema) {
		t.Error(err)
	}
}

func TestIDs(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   report.Report
		want string
	}{
		{"plain", report.Report{Scenario: "broadcast", Target: "starling"}, "01-broadcast-starling"},
		{"a round", report.Report{Scenario: "echo", Target: "limit", Round: 12}, "01-echo-limit-r12"},
		{"not for a file's name", report.Report{Scenario: "find-max", Target: `..\../Socket.IO: <b>"é"`}, "01-find-max-socket-io-b"},
		{"nothing left", report.Report{Scenario: "…", Target: ""}, "01-unnamed-unnamed"},
		{"long", report.Report{Scenario: "x", Target: strings.Repeat("ab", 200)}, "01-x-abababababababababababab"},
		{"given", report.Report{ID: "Mine_1"}, "Mine_1"},
	} {
		if err := name([]*report.Report{&tc.in}); err != nil || tc.in.ID != tc.want {
			t.Errorf("%s: %q, %v", tc.name, tc.in.ID, err)
		}
	}
}

func TestIDsAreUnique(t *testing.T) {
	all := []*report.Report{{Scenario: "a", Target: "b"}, {ID: "01-a-b"}, {ID: "01-a-b-again"}}
	if err := name(all); err != nil || all[0].ID != "01-a-b-again-again" {
		t.Errorf("%q, %v", all[0].ID, err)
	}
}

func TestUnusableIDs(t *testing.T) {
	for _, tc := range []struct {
		name string
		ids  []string
	}{
		{"a dot, which ends an ID in a file's name", []string{"a.handshake"}},
		{"another folder", []string{"../a"}},
		{"a letter that is not ASCII", []string{"é"}},
		{"too long", []string{strings.Repeat("a", idRunesMax+1)}},
		{"twice", []string{"a", "a"}},
		{"the same to some systems", []string{"a", "A"}},
	} {
		var all []*report.Report
		for _, id := range tc.ids {
			all = append(all, &report.Report{Schema: report.Schema, ID: id})
		}
		if err := Write(t.TempDir(), &Folder{Results: all}); !errors.Is(err, ErrID) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// Each rule has a test: its value is mentioned in one.
func TestEveryErrorIsTested(t *testing.T) {
	tested := idents(t, "folder_test.go")
	for name := range idents(t, "folder.go") {
		if strings.HasPrefix(name, "Err") && !tested[name] {
			t.Errorf("%s is in no test", name)
		}
	}
}

func idents(t *testing.T, name string) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			all[id.Name] = true
		}
		return true
	})
	return all
}
