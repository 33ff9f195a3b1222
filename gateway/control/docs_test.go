package control

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// block is a piece of code in the documentation.
type block struct{ language, text string }

// blocks reads the code of docs/CONTROL-API.md.
func blocks(t *testing.T) (all []block) {
	t.Helper()
	text, err := os.ReadFile("../../docs/CONTROL-API.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		all = append(all, block{m[1], m[2]})
	}
	return all
}

// blockOf is the one block of a language.
func blockOf(t *testing.T, language string) string {
	t.Helper()
	for _, b := range blocks(t) {
		if b.language == language {
			return b.text
		}
	}
	t.Fatalf("the documentation has no %s", language)
	return ""
}

// alike replaces what is different each time.
func alike(text string) string {
	for _, r := range []struct{ pattern, with string }{
		{`"(id|request_id)":"[0-9A-HJKMNP-TV-Z]{26}"`, `"$1":"ID"`},
		{`"sid":"[0-9A-Za-z_-]{20}"`, `"sid":"SID"`},
		{`"timedOut":\["[0-9A-Za-z_-]{20}"\]`, `"timedOut":["SID"]`},
		{`"since":"[0-9TZ:-]+"`, `"since":"TIME"`},
		{`"address":"[0-9.]+"`, `"address":"ADDRESS"`},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return strings.TrimSpace(text)
}

// documented runs the system that the documentation tells of.
func documented(t *testing.T) (s *system, environment []string) {
	s = newSystem(t, nil)
	ann := s.connect(t, `{"user":"42","join":["ws:acme"],"data":{"name":"Ann"}}`)
	s.connect(t, `{"user":"7","join":["ws:acme","ws:acme:board-7"]}`)
	ended := make(chan struct{})
	go func() { // ann's client acknowledges whatever it is asked
		defer close(ended)
		question := regexp.MustCompile(`^42(\d+)\[`)
		for {
			f, err := ann.conn.ReadFrame()
			if err != nil {
				return
			}
			if m := question.FindStringSubmatch(string(f.Payload)); m != nil {
				_, _ = ann.conn.Write(starlingtest.Masked(starlingtest.Text, []byte("43"+m[1]+`["yes"]`)))
			}
		}
	}()
	t.Cleanup(func() { ann.conn.Close(); <-ended })
	return s, append(os.Environ(), "API="+s.web.URL, "KEY="+fullKey, "SID="+ann.sid)
}

// run runs a program to its end.
func run(t *testing.T, environment []string, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir = environment, dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// TestDocumentedRequests makes the requests of the documentation, one after the other, and wants the replies that it shows.
func TestDocumentedRequests(t *testing.T) {
	starlingtest.FindTool(t, "curl")
	bash := starlingtest.FindTool(t, "bash")
	_, environment := documented(t)
	made := 0
	all := blocks(t)
	for i, b := range all {
		if b.language != "sh" {
			continue
		}
		made++
		script := `api() { curl -sS -H "Authorization: Bearer $KEY" "$@"; }` + "\n" + b.text
		got := alike(run(t, environment, "", bash, "-euo", "pipefail", "-c", script))
		if want := alike(all[i+1].text); all[i+1].language != "json" || got != want {
			t.Fatalf("%s\nreplied\n%s\nand not\n%s", b.text, got, want)
		}
	}
	if made < 18 {
		t.Errorf("only %d requests were found", made)
	}
}

// TestDocumentedKeys: the file of keys is one.
func TestDocumentedKeys(t *testing.T) {
	keys := keysOf(t, blockOf(t, "yaml"))
	k, err := keys.find("an-example-of-a-key-0001")
	if err != nil || k.name != "acme" || !k.locked || !k.rooms.Match("ws:acme:board-7") || k.rate != 100 {
		t.Errorf("the key is %+v, %v", k, err)
	}
}

// TestDocumentedClients emits with each of the clients, and has each be refused.
func TestDocumentedClients(t *testing.T) {
	for _, tc := range []struct {
		language, program string
		file, use         string
		args              []string
	}{
		{
			language: "go", program: "go", file: "client.go", args: []string{"run", "."},
			use: `
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	s := Starling{os.Getenv("API"), os.Getenv("KEY")}
	d, err := s.Emit(context.Background(), "paid", map[string]int{"n": 1}, "ws:acme")
	fmt.Println(len(d.ID), d.Matched, err)
	_, err = s.Emit(context.Background(), "paid", nil)
	fmt.Println(err.(*APIError).Status, err.(*APIError).Code, err.(*APIError).Field)
	slow := Starling{s.URL, "slow-rate-key-000001"}
	for range 3 {
		d, err = slow.Emit(context.Background(), "paid", nil, "ws:acme")
	}
	fmt.Println(d.Matched, err)
	fmt.Println("[42]")
}
`,
		},
		{
			language: "js", program: "node", file: "client.mjs", args: []string{"client.mjs"},
			use: `
const s = new Starling(process.env.API, process.env.KEY), slow = new Starling(process.env.API, "slow-rate-key-000001");
let d = await s.emit("paid", { n: 1 }, "ws:acme");
console.log(d.id.length, d.matched, "<nil>");
try { await s.emit("paid", null, undefined); } catch (e) { console.log(e.status, e.code, e.field); }
for (let i = 0; i < 3; i++) d = await slow.emit("paid", null, ["ws:acme"]);
console.log(d.matched, "<nil>");
console.log("[" + (await s.online(["42", "nobody"])) + "]");
`,
		},
		{
			language: "python", program: "python3", file: "client.py", args: []string{"client.py"},
			use: `
import os
s, slow = Starling(os.environ["API"], os.environ["KEY"]), Starling(os.environ["API"], "slow-rate-key-000001")
d = s.emit("paid", {"n": 1}, "ws:acme")
print(len(d["id"]), d["matched"], "<nil>")
try:
    s.emit("paid", None, [])
except StarlingError as e:
    print(e.status, e.code, e.field)
for _ in range(3):
    d = slow.emit("paid", None, "ws:acme")
print(d["matched"], "<nil>")
print("[" + ",".join(s.online(["42", "nobody"])) + "]")
`,
		},
		{
			language: "php", program: "php", file: "client.php", args: []string{"client.php"},
			use: `
$s = new Starling(getenv('API'), getenv('KEY'));
$slow = new Starling(getenv('API'), 'slow-rate-key-000001');
$d = $s->emit('paid', ['n' => 1], 'ws:acme');
echo strlen($d['id']), ' ', $d['matched'], " <nil>\n";
try { $s->emit('paid', null, []); } catch (StarlingError $e) { echo "$e->status $e->errorCode $e->field\n"; }
for ($i = 0; $i < 3; $i++) $d = $slow->emit('paid', null, ['ws:acme']);
echo $d['matched'], " <nil>\n";
echo '[', implode(',', $s->online(['42', 'nobody'])), "]\n";
`,
		},
	} {
		t.Run(tc.language, func(t *testing.T) {
			path, err := exec.LookPath(tc.program)
			if err != nil {
				t.Skip("there is no " + tc.program + " in the PATH")
			}
			_, environment := documented(t)
			dir := t.TempDir()
			files := map[string]string{tc.file: blockOf(t, tc.language) + tc.use}
			if tc.language == "go" {
				files = map[string]string{tc.file: blockOf(t, tc.language), "main.go": tc.use, "go.mod": "module client\n\ngo 1.24\n"}
			}
			for name, text := range files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			const want = "26 2 <nil>\n400 target_missing to\n2 <nil>\n[42]\n"
			if got := run(t, environment, dir, path, tc.args...); got != want {
				t.Errorf("the client says\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestDocumentedOperations wants a row for each operation.
func TestDocumentedOperations(t *testing.T) {
	text, err := os.ReadFile("../../docs/CONTROL-API.md")
	if err != nil {
		t.Fatal(err)
	}
	_, doc := document(t)
	for path, methods := range doc["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			row := regexp.MustCompile("(?m)^\\| .*" + strings.ToUpper(method) + ".*" + regexp.QuoteMeta(path) + "[`?]")
			if !row.Match(text) {
				t.Errorf("there is no row for %s %s", strings.ToUpper(method), path)
			}
		}
	}
	for _, limit := range []int{TargetsMax, BatchItemsMax, AckSocketsMax, PageMax, UsersMax} {
		if !strings.Contains(string(text), strconv.Itoa(limit)) {
			t.Errorf("the limit %d is not in the text", limit)
		}
	}
}
