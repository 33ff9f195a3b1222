package session

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The files in testdata are conversations with a table of sessions on a simulated loop. A file is a list of blocks: some
// commands, a line of four dashes, what happened, an empty line. What a peer gets is laid out frame by frame, header in
// hexadecimal and payload as text; nothing of it is made by the code under test. With
//
//	go test ./hub/internal/session -run TestConversations -rewrite
//
// what happens becomes what is expected; then read the difference.

var rewrite = flag.Bool("rewrite", false, "make what happens in the conversations of testdata what is expected")

// TestConversations holds each conversation against its file.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			blocks := parseBlocks(string(content))
			talk := newTalk(t)
			for i := range blocks {
				if talk.run(&blocks[i]); t.Failed() {
					return
				}
			}
			if !*rewrite {
				return
			}
			if err := os.WriteFile(file, []byte(formatBlocks(blocks)), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestConversationsOnSeveralLoops holds conversations that say nothing about loops once more, with the connections dealt
// out to two loops and to three: what is said must not depend on where a connection has ended up.
func TestConversationsOnSeveralLoops(t *testing.T) {
	for _, name := range []string{
		"access", "across", "binary", "bodies", "drain", "end", "flood", "frames", "framing", "headers", "http", "inside", "origins",
		"plain", "polling", "steps", "strangers", "takeover", "times", "told",
	} {
		content, err := os.ReadFile("testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		for loops := 2; loops <= 3; loops++ {
			t.Run(fmt.Sprint(name, " on ", loops), func(t *testing.T) {
				talk := newTalk(t)
				talk.spread = loops
				talk.restart("")
				for _, b := range parseBlocks(string(content)) {
					talk.run(&b)
				}
			})
		}
	}
}

// block is a part of a conversation.
type block struct {
	head []string // commands, comments and empty lines
	want []string
}

func parseBlocks(content string) (blocks []block) {
	var b block
	inWant := false
	for _, line := range strings.Split(strings.TrimRight(content, "\n"), "\n") {
		switch {
		case line == "----":
			inWant = true
		case !inWant:
			b.head = append(b.head, line)
		case line == "":
			blocks, b, inWant = append(blocks, b), block{}, false
		default:
			b.want = append(b.want, line)
		}
	}
	return append(blocks, b)
}

func formatBlocks(blocks []block) string {
	var out strings.Builder
	for i, b := range blocks {
		if i > 0 {
			out.WriteString("\n")
		}
		for _, line := range slices.Concat(b.head, []string{"----"}, b.want) {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

// run carries out a block and holds what happens against it.
func (k *talk) run(b *block) {
	k.lines = nil
	for _, line := range b.head {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k.command(line)
		k.gather()
		k.counted()
	}
	if *rewrite {
		b.want = k.lines
		return
	}
	got, want := k.lines, b.want
	if k.spread > 0 {
		got, want = alike(got), alike(want)
	}
	if !slices.Equal(got, want) {
		k.t.Errorf("after\n\t%s\nthis happened:\n\t%s\nand this was expected:\n\t%s",
			strings.Join(b.head, "\n\t"), strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// openIDs are the ids in open packets, which tell on which loop a session is.
var openIDs = regexp.MustCompile(`0\{"sid":"[A-Za-z0-9_-]{20}"`)

// alike leaves out what depends on which loop something happens.
func alike(lines []string) (left []string) {
	for _, line := range lines {
		if !strings.HasSuffix(line, " writes") {
			left = append(left, openIDs.ReplaceAllString(line, `0{"sid":"<20>"`))
		}
	}
	return left
}

// command carries out one line.
func (k *talk) command(line string) {
	name, rest, _ := strings.Cut(line, " ")
	if do, ok := commands[name]; ok {
		do(k, rest)
		return
	}
	k.t.Fatalf("no such command: %s", line)
}
