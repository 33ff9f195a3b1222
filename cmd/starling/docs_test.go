package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// The lines of docs/CONFIG.md between which the settings are.
const (
	settingsBegin = "<!-- The settings, from the flags: go test ./cmd/starling -run TestDocs -update -->\n"
	settingsEnd   = "<!-- the end of the settings -->\n"
)

// TestDocs holds docs/CONFIG.md against the flags.
func TestDocs(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "CONFIG.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), settingsBegin)
	_, after, ends := strings.Cut(rest, settingsEnd)
	if !begins || !ends {
		t.Fatalf("%s has no place for the settings", file)
	}
	var b strings.Builder
	for _, group := range groupsOf(parse(t, nil, "serve", "--dev").node) {
		fmt.Fprintf(&b, "\n### %s\n\n| setting | default | takes | |\n|---|---|---|---|\n", group.title)
		for _, flag := range group.flags {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", flag.Name, defaultInDocs(flag.Value.HasDefault, defaultOf(flag.Value)), takes(flag), strings.ReplaceAll(flag.Help, "|", `\|`))
		}
	}
	compare(t, file, before+settingsBegin+b.String()+"\n"+settingsEnd+after)
}

// takes is what a setting takes, for a table.
func takes(flag *kong.Flag) string {
	r, ok := rules[flag.Name]
	if !ok {
		return kinds[flag.Target.Kind()]
	}
	for _, word := range []string{"be ", "have "} {
		if rest, cut := strings.CutPrefix(r.want, word); cut {
			return strings.TrimSpace(rest + " " + flag.Tag.Get("unit"))
		}
	}
	return r.want
}

// kinds are what settings without a rule take.
var kinds = map[reflect.Kind]string{reflect.Bool: "`true`, `false`", reflect.String: "a text", reflect.Slice: "a list"}

// defaultInDocs is a default for a table.
func defaultInDocs(isValue bool, text string) string {
	if isValue && text != "on" && text != "off" {
		return "`" + text + "`"
	}
	return text
}
