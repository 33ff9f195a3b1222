package session

import (
	"flag"
	"os"
	"path/filepath"
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
	}
	if *rewrite {
		b.want = k.lines
		return
	}
	if !slices.Equal(k.lines, b.want) {
		k.t.Errorf("after\n\t%s\nthis happened:\n\t%s\nand this was expected:\n\t%s",
			strings.Join(b.head, "\n\t"), strings.Join(k.lines, "\n\t"), strings.Join(b.want, "\n\t"))
	}
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
