package access

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// TestEveryErrorAndCodeIsExpected wants each Err value and each Code to be expected by some test.
func TestEveryErrorAndCodeIsExpected(t *testing.T) {
	tests := starlingtest.TestSources(t, "rules_test.go")
	names := starlingtest.Declared(t, "errors.go", "Err", "Code")
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
	for name, code := range starlingtest.Declared(t, "errors.go", "Code") {
		if !bytes.Contains(page, []byte("`"+code+"`")) {
			t.Errorf("%s, %q, is not in docs/TOKENS.md", name, code)
		}
	}
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
