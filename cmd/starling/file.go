package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// configFile is a file of settings: a YAML mapping of names of flags to their values.
type configFile struct {
	entries []entry
}

// entry is a line of a file.
type entry struct {
	name  string
	value any    // as kong takes it: a text, or a list of them; nil if it was none of these
	at    string // the file and the line
}

var (
	errNotUTF8    = errors.New("is no UTF-8")
	errNoValue    = errors.New(`has no value: write "" for an empty one`)
	errPlainValue = errors.New("must be a value, or a list of values")
)

// readConfig reads a file. All that is wrong with its lines is told at once, if it is YAML at all; the file is what could be
// read.
func readConfig(name string) (file *configFile, mistakes []error) {
	file = &configFile{}
	content, err := os.ReadFile(name)
	switch {
	case err != nil:
		return file, []error{fmt.Errorf("--%s: %w", configFlag, err)}
	case !utf8.Valid(content):
		return file, []error{fmt.Errorf("%s: %w", name, errNotUTF8)}
	}
	tree, err := parser.ParseBytes(content, 0)
	if err != nil {
		return file, []error{yamlError(name, err)}
	}
	for i, doc := range tree.Docs {
		if i > 0 {
			return file, append(mistakes, fmt.Errorf("%s: there is a second document", name))
		}
		mistakes = append(mistakes, file.read(name, doc.Body)...)
	}
	return file, mistakes
}

// yamlError says on one line why a file is no YAML. The library's own text has the lines around, and secrets may be in them.
func yamlError(name string, err error) error {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return fmt.Errorf("%s: no YAML", name)
	}
	return fmt.Errorf("%s:%d: %s", name, at.GetToken().Position.Line, at.GetMessage())
}

// read takes in the mapping that a file is.
func (f *configFile) read(name string, body ast.Node) (mistakes []error) {
	switch body := body.(type) {
	case nil, *ast.NullNode: // a file of comments
	case *ast.MappingNode:
		for _, pair := range body.Values {
			mistakes = append(mistakes, f.add(name, pair)...)
		}
	default:
		return []error{fmt.Errorf("%s:%d: settings are lines of name: value", name, body.GetToken().Position.Line)}
	}
	return mistakes
}

// add takes in a line.
func (f *configFile) add(name string, pair *ast.MappingValueNode) (mistakes []error) {
	key := pair.Key.GetToken()
	e := entry{name: key.Value, at: fmt.Sprintf("%s:%d", name, key.Position.Line)}
	value, err := yamlValue(pair.Value)
	if err != nil {
		mistakes = []error{fmt.Errorf("%s: %s %w", e.at, e.name, err)}
	} else {
		e.value = value
	}
	f.entries = append(f.entries, e)
	return mistakes
}

// yamlValue is a value as kong takes it: a text as it would be on the command line, or a list of texts.
func yamlValue(node ast.Node) (any, error) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		return yamlText(node)
	}
	texts := []any{}
	for _, item := range sequence.Values {
		text, err := yamlText(item)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// yamlText is the text of a value as it is written, without the quotes of a string.
func yamlText(node ast.Node) (string, error) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, nil
	case *ast.LiteralNode:
		return node.Value.Value, nil
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, nil
	case *ast.NullNode:
		return "", errNoValue
	}
	return "", errPlainValue
}

// entry looks for the line of a flag; there is none in no file.
func (f *configFile) entry(name string) (e entry, ok bool) {
	if f == nil {
		return entry{}, false
	}
	at := slices.IndexFunc(f.entries, func(e entry) bool { return e.name == name && e.value != nil })
	if at < 0 {
		return entry{}, false
	}
	return f.entries[at], true
}

// unknown tells the lines that are none of the settings.
func (f *configFile) unknown(settings []string) (mistakes []error) {
	for _, e := range f.entries {
		if slices.Contains(settings, e.name) {
			continue
		}
		meant := ""
		if name := nearest(e.name, settings); name != "" {
			meant = ": did you mean " + name + "?"
		}
		mistakes = append(mistakes, fmt.Errorf("%s: there is no setting %q%s", e.at, e.name, meant))
	}
	return mistakes
}
