package access

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEveryErrorAndCodeIsExpected wants each Err value and each Code to be expected by some test.
func TestEveryErrorAndCodeIsExpected(t *testing.T) {
	tests := testSources(t)
	names := declared(t, "errors.go", "Err", "Code")
	for name := range names {
		if !regexp.MustCompile(`[ (]` + name + `[,)}]`).Match(tests) {
			t.Errorf("%s is expected by no test", name)
		}
	}
	if len(names) < 40 {
		t.Fatalf("only %d errors and codes were found", len(names))
	}
}

// TestEveryCodeIsDocumented holds the codes against what clients' developers read.
func TestEveryCodeIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/TOKENS.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, code := range declared(t, "errors.go", "Code") {
		if !bytes.Contains(page, []byte("`"+code+"`")) {
			t.Errorf("%s, %q, is not in docs/TOKENS.md", name, code)
		}
	}
}

// testSources is the text of all other tests of the package.
func testSources(t *testing.T) (all []byte) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), "_test.go") || entry.Name() == "rules_test.go" {
			continue
		}
		source, err := os.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source...)
	}
	return all
}

// declared returns the variables and constants of a file whose names begin so, with their texts.
func declared(t *testing.T, name string, prefixes ...string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, prefix := range prefixes {
			if id := spec.Names[0].Name; strings.HasPrefix(id, prefix) {
				names[id] = ""
				if text, ok := spec.Values[0].(*ast.BasicLit); ok {
					names[id], _ = strconv.Unquote(text.Value)
				}
			}
		}
		return true
	})
	return names
}

// TestErrorsNameTheLimits holds the texts against the limits that they name.
func TestErrorsNameTheLimits(t *testing.T) {
	for _, tc := range []struct {
		err    error
		limits []int
	}{
		{ErrRoomBytes, []int{RoomBytesMax}},
		{ErrUserBytes, []int{UserBytesMax}},
		{ErrPatternsMax, []int{PatternsMax}},
		{ErrDataBytes, []int{DataBytesMax}},
		{ErrKeysMax, []int{KeysMax}},
		{ErrWaitersMax, []int{WaitersMax}},
		{ErrSecretBytes, []int{SecretBytesMin}},
		{ErrRSABits, []int{RSABitsMin, RSABitsMax}},
		{ErrLeeway, []int{int(LeewayMax.Minutes())}},
		{ErrTokenBytes, []int{TokenBytesMax}},
		{ErrJWKSBytes, []int{JWKSBytesMax >> 20}},
	} {
		for _, limit := range tc.limits {
			if !strings.Contains(tc.err.Error(), strconv.Itoa(limit)) {
				t.Errorf("%q does not say %d", tc.err, limit)
			}
		}
	}
	for _, a := range algorithms {
		if !strings.Contains(ErrAlgorithm.Error(), a) {
			t.Errorf("%q does not say %s", ErrAlgorithm, a)
		}
	}
}
