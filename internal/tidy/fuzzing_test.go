package tidy

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// fuzzNames names the fuzz targets that are not called after their parser. A function's target is Fuzz and its name; a
// method's is Fuzz and its type's name, since it is the type that is fed.
var fuzzNames = map[string]string{
	"wsproto/engineio.ParseText": "FuzzPayload", // a payload is packets with separators between
	"wsproto/socketio.Args.Next": "FuzzSplitArgs",
}

// fuzzProblems wants a fuzz target beside each parser, because a parser's input is chosen by strangers.
func fuzzProblems(names map[string]string, all []source) []string {
	targets := fuzzTargets(all)
	unused := maps.Clone(names)
	var problems []string
	for _, s := range all {
		for _, fn := range parsers(s) {
			parser := s.dir() + "." + funcName(fn)
			want, ok := names[parser]
			delete(unused, parser)
			if !ok {
				want = defaultTarget(fn)
			}
			if !targets[s.dir()+"."+want] {
				problems = append(problems, fmt.Sprintf("%s: %s has no fuzz target: write %s in %s, or name the one it has "+
					"in internal/tidy/fuzzing_test.go", s.at(fn), parser, want, s.dir()))
			}
		}
	}
	for _, parser := range slices.Sorted(maps.Keys(unused)) {
		problems = append(problems, "there is no parser "+parser+": remove it from internal/tidy/fuzzing_test.go")
	}
	return problems
}

// parsers are the exported functions and methods that take wire bytes apart, told by their names.
func parsers(s source) []*ast.FuncDecl {
	var found []*ast.FuncDecl
	for _, d := range s.file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && !s.isTest() && isParserName(fn) && receiverExported(fn) {
			found = append(found, fn)
		}
	}
	return found
}

func isParserName(fn *ast.FuncDecl) bool {
	rest, ok := strings.CutPrefix(fn.Name.Name, "Parse")
	first, _ := utf8.DecodeRuneInString(rest)
	isMethod := fn.Recv != nil
	return ok && (rest == "" || !unicode.IsLower(first)) || isMethod && slices.Contains([]string{"Next", "Add"}, fn.Name.Name)
}

func defaultTarget(fn *ast.FuncDecl) string {
	if fn.Recv != nil {
		return "Fuzz" + receiverName(fn)
	}
	return "Fuzz" + fn.Name.Name
}

func fuzzTargets(all []source) map[string]bool {
	targets := map[string]bool{}
	for _, s := range all {
		for _, d := range s.file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && s.isTest() && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") {
				targets[s.dir()+"."+fn.Name.Name] = true
			}
		}
	}
	return targets
}

// funcName is F for a function and T.M for a method.
func funcName(fn *ast.FuncDecl) string {
	if fn.Recv != nil {
		return receiverName(fn) + "." + fn.Name.Name
	}
	return fn.Name.Name
}

func receiverExported(fn *ast.FuncDecl) bool {
	return fn.Recv == nil || ast.IsExported(receiverName(fn))
}

// receiverName is the name of a method's type, without its pointer and its type parameters.
func receiverName(fn *ast.FuncDecl) string {
	for t := fn.Recv.List[0].Type; ; {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

func TestFuzzProblems(t *testing.T) {
	names := map[string]string{"wire.ParseHead": "FuzzHandshake"}
	head := "func ParseHead() {}\n"
	target := "package wire_test\nfunc FuzzHandshake(f *testing.F) {}\n"
	for _, rt := range []ruleTest{
		{name: "functions, methods and named exceptions that have theirs", files: map[string]string{
			"wire/a.go": "package wire\n" + head + "func Parse() {}\nfunc (d *Decoder) Add() {}\nfunc (r Reader[T]) Next() {}",
			"wire/a_test.go": target + "func FuzzParse(f *testing.F) {}\nfunc FuzzDecoder(f *testing.F) {}\n" +
				"func FuzzReader(f *testing.F) {}",
		}},
		{name: "no parser: other names, unexported names and types, tests", files: map[string]string{
			"wire/a.go":      "package wire\n" + head + "func Parser() {}\nfunc parse() {}\nfunc (h *heap) Add() {}\nfunc Next() {}",
			"wire/a_test.go": target + "func ParseRow() {}",
		}},
		{name: "a function, a method and an exception without theirs", files: map[string]string{
			"wire/a.go":       "package wire\n" + head + "func (d *Decoder) Add() {}\nfunc ParseCode() {}",
			"wire/a_test.go":  "package wire\nfunc (s suite) FuzzHandshake() {}",
			"other/a_test.go": "package other\nfunc FuzzDecoder(f *testing.F) {}",
		}, want: []string{
			"wire/a.go:2: wire.ParseHead has no fuzz target: write FuzzHandshake in wire, or name the one it has in " +
				"internal/tidy/fuzzing_test.go",
			"wire/a.go:3: wire.Decoder.Add has no fuzz target: write FuzzDecoder in wire, or name the one it has in " +
				"internal/tidy/fuzzing_test.go",
			"wire/a.go:4: wire.ParseCode has no fuzz target: write FuzzParseCode in wire, or name the one it has in " +
				"internal/tidy/fuzzing_test.go",
		}},
		{
			name:  "an exception whose parser is gone",
			files: map[string]string{"wire/a_test.go": target},
			want:  []string{"there is no parser wire.ParseHead: remove it from internal/tidy/fuzzing_test.go"},
		},
	} {
		rt.run(t, func(all []source) []string { return fuzzProblems(names, all) })
	}
}
