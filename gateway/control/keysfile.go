package control

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"starling/gateway/access"
)

// keysFile is the YAML of a file of keys.
type keysFile struct {
	Keys []keyEntry `yaml:"keys"`
}

type keyEntry struct {
	Name   string   `yaml:"name"`
	Key    string   `yaml:"key"`
	Sum    string   `yaml:"key_sha256"`
	Scopes []string `yaml:"scopes"`
	Rooms  []string `yaml:"rooms"`
	Rate   *float64 `yaml:"rate"`
	Stream *int     `yaml:"streams"`

	locked   bool // there is a field rooms
	rated    bool // there is a field rate
	streamed bool // there is a field streams
}

// readKeys reads a file of keys. Its errors do not contain what is in the file, apart from names.
func readKeys(path string) ([]*key, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeysFile, err)
	}
	set, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrKeysFile, path, err)
	}
	return set, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, KeysFileBytesMax+1))
	if len(text) > KeysFileBytesMax {
		return nil, fmt.Errorf("%s has more than %d bytes", path, KeysFileBytesMax)
	}
	return text, err
}

func parseKeys(text []byte) (set []*key, err error) {
	if err := checkYAML(text); err != nil {
		return nil, err
	}
	var file keysFile
	switch err := decodeYAML(text, &file); {
	case errors.Is(err, io.EOF):
		return nil, ErrNoKeys
	case err != nil:
		return nil, yamlError(err)
	}
	file.findFields(text)
	for i, e := range file.Keys {
		k, err := e.key()
		if err != nil {
			return nil, fmt.Errorf("keys[%d]: %w", i, err)
		}
		set = append(set, k)
	}
	return set, nil
}

// decodeYAML decodes a file.
func decodeYAML(text []byte, into any) error {
	return guardYAML(func() error { return yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(into) })
}

// guardYAML does something with the library, which panics on some files that are broken ("scopes: [&read]"): a server that runs must
// not end because somebody has edited its keys.
func guardYAML(do func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it is no YAML")
		}
	}()
	return do()
}

// checkYAML refuses what would decode without a word and mean something else than it says: a second document, which nobody would
// read, and a number where a text belongs (0x1234 would become 4660). About what is no YAML the decoder has better words.
func checkYAML(text []byte) error {
	var odd error
	_ = guardYAML(func() error {
		file, err := parser.ParseBytes(text, 0)
		if err == nil {
			odd = checkDocuments(file.Docs)
		}
		return err
	})
	return odd
}

func checkDocuments(docs []*ast.DocumentNode) error {
	var texts textFields
	for i, doc := range docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			return fmt.Errorf("line %d: %w", doc.Body.GetToken().Position.Line, ErrKeysDocument)
		default:
			ast.Walk(&texts, doc.Body)
		}
	}
	return texts.err
}

// textFields finds numbers and switches among the values of fields that are texts.
type textFields struct{ err error }

// Visit is part of ast.Visitor.
func (f *textFields) Visit(node ast.Node) ast.Visitor {
	field, ok := node.(*ast.MappingValueNode)
	if !ok {
		return f
	}
	switch name := field.Key.GetToken().Value; name {
	case "name", "key", "key_sha256", "scopes", "rooms":
		if odd := noText(field.Value); odd != nil && f.err == nil {
			f.err = fmt.Errorf("line %d: %s: %w", odd.GetToken().Position.Line, name, ErrKeysText)
		}
	}
	return f
}

// noText returns a part of a value that is neither a text nor nothing, or nil.
func noText(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.AnchorNode:
		return noText(n.Value)
	case *ast.SequenceNode:
		for _, v := range n.Values {
			if odd := noText(v); odd != nil {
				return odd
			}
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n
	}
	return nil
}

// findFields finds out which entries have the fields rooms, rate and streams at all. One that is there and empty, as a template leaves it whose
// variable is not set, decodes like one that is not there, and that key would reach everything, or as much as it likes.
func (f *keysFile) findFields(text []byte) {
	var fields struct {
		Keys []map[string]any `yaml:"keys"`
	}
	err := decodeYAML(text, &fields)
	for i := range f.Keys {
		e := &f.Keys[i]
		e.locked, e.rated, e.streamed = true, true, true
		if err == nil && i < len(fields.Keys) {
			_, e.locked = fields.Keys[i]["rooms"]
			_, e.rated = fields.Keys[i]["rate"]
			_, e.streamed = fields.Keys[i]["streams"]
		}
	}
}

// yamlError says where a mistake is. The library's own text would show the lines around it, keys and all.
func yamlError(err error) error {
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		return fmt.Errorf("line %d: %s", unknown.Token.Position.Line, unknown.Message)
	}
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		return fmt.Errorf("line %d is not what is expected there", at.GetToken().Position.Line)
	}
	return errors.New("it is not the YAML that is expected")
}

func (e *keyEntry) key() (*key, error) {
	if e.Name == "" || len(e.Name) > KeyNameBytesMax || strings.ContainsFunc(e.Name, unprintable) {
		return nil, ErrKeyName
	}
	k := &key{name: e.Name, locked: e.locked}
	for _, fill := range []func(*key) error{e.sum, e.scopes, e.rooms, e.limit, e.streams} {
		if err := fill(k); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	return k, nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func (e *keyEntry) sum(k *key) error {
	if (e.Key == "") == (e.Sum == "") {
		return ErrKeyOne
	}
	if e.Key != "" {
		k.sum = sha256.Sum256([]byte(e.Key))
		return checkKey(e.Key)
	}
	if n, err := hex.Decode(k.sum[:], []byte(e.Sum[:min(len(e.Sum), hex.EncodedLen(len(k.sum)))])); err != nil ||
		n != len(k.sum) || len(e.Sum) != hex.EncodedLen(n) {
		return ErrKeySum
	}
	return nil
}

func (e *keyEntry) scopes(k *key) error {
	for _, s := range e.Scopes {
		if !slices.Contains(scopes, Scope(s)) {
			return fmt.Errorf("%w, not %q", ErrScopes, clip(s))
		}
		k.scopes = append(k.scopes, Scope(s))
	}
	if len(k.scopes) == 0 {
		return ErrScopes
	}
	return nil
}

func (e *keyEntry) rooms(k *key) (err error) {
	if !k.locked {
		return nil
	}
	if n := len(e.Rooms); n == 0 || n > KeyRoomsMax {
		return ErrKeyRooms
	}
	if k.rooms, err = access.ParsePatterns(e.Rooms); err != nil {
		return fmt.Errorf("rooms%w", err)
	}
	return nil
}

func (e *keyEntry) limit(k *key) error {
	if !e.rated {
		return nil
	}
	if e.Rate == nil {
		return ErrKeyRate
	}
	if r := *e.Rate; !(r > 0) || math.IsInf(r, 1) || r > math.MaxInt32 {
		return ErrKeyRate
	}
	k.rate, k.limiter = *e.Rate, newLimiter(*e.Rate)
	return nil
}

func (e *keyEntry) streams(k *key) error {
	k.streams = StreamsPerKeyMax
	switch {
	case !e.streamed:
		return nil
	case e.Stream == nil || *e.Stream < 1 || *e.Stream > StreamsMax:
		return ErrKeyStreams
	}
	k.streams = *e.Stream
	return nil
}
