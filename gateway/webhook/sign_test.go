package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// These sums were made with openssl: printf '1789388800.%s' "$body" | openssl dgst -sha256 -hmac "$secret" -hex
const (
	signedBody = `{"type":"join","id":"01K5A3ZJ6V0000000000000000","time":"2026-09-14T12:26:40.000Z","sid":"Zm9v","user":"42",` +
		`"nsp":"/","room":"ws:acme"}`
	firstSum  = "09ec0c322f103bb14f8530677b22cd23a390e3fdea9de26dfc2f6ce2bf30507e"
	secondSum = "dca2be5b11bd9e846caf8ad5216ec18bcbf2cf47b9fea78c42f355e558cc4224"
)

var signedAt = time.Date(2026, 9, 14, 12, 26, 40, 0, time.UTC)

func TestSign(t *testing.T) {
	for _, tc := range []struct {
		name    string
		secrets [][]byte
		want    string
	}{
		{"one secret", [][]byte{firstSecret}, "t=1789388800,v1=" + firstSum},
		{"two secrets", [][]byte{firstSecret, secondSecret}, "t=1789388800,v1=" + firstSum + ",v1=" + secondSum},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := sign(signedAt.Add(999*time.Millisecond), []byte(signedBody), tc.secrets); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	both := [][]byte{secondSecret, firstSecret}
	zeros := strings.Repeat("0", 64)
	many := "t=1789388800" + strings.Repeat(",v1="+zeros, SignaturesMax-1) + ",v1=" + firstSum
	for _, tc := range []struct {
		name    string
		header  string
		body    string
		secrets [][]byte
		late    time.Duration
		want    error
	}{
		{"right", "t=1789388800,v1=" + firstSum, signedBody, both, 0, nil},
		{"by the other secret", "t=1789388800,v1=" + secondSum, signedBody, both, 0, nil},
		{"by one of two, and the receiver knows one", "t=1789388800,v1=" + secondSum + ",v1=" + firstSum, signedBody, [][]byte{firstSecret}, 0, nil},
		{"in capitals", "t=1789388800,v1=" + strings.ToUpper(firstSum), signedBody, both, 0, nil},
		{"in any order, among fields of another version", "v2=x,v1=" + firstSum + ",v1x,t=1789388800", signedBody, both, 0, nil},
		{"the last of as many as may be", many, signedBody, both, 0, nil},
		{"as old as may be", "t=1789388800,v1=" + firstSum, signedBody, both, 5 * time.Minute, nil},
		{"as new as may be", "t=1789388800,v1=" + firstSum, signedBody, both, -5 * time.Minute, nil},

		{"too old", "t=1789388800,v1=" + firstSum, signedBody, both, 5*time.Minute + time.Second, ErrSignatureTime},
		{"too new", "t=1789388800,v1=" + firstSum, signedBody, both, -5*time.Minute - time.Second, ErrSignatureTime},
		{"from the beginning of time", "t=0,v1=" + firstSum, signedBody, both, 0, ErrSignatureTime},
		{"from its end", "t=999999999999,v1=" + firstSum, signedBody, both, 0, ErrSignatureTime},

		{"another body", "t=1789388800,v1=" + firstSum, signedBody + " ", both, 0, ErrSignature},
		{"another time", "t=1789388801,v1=" + firstSum, signedBody, both, 0, ErrSignature},
		{"the same time, written otherwise", "t=01789388800,v1=" + firstSum, signedBody, both, 0, ErrSignature},
		{"another secret", "t=1789388800,v1=" + firstSum, signedBody, [][]byte{secondSecret}, 0, ErrSignature},
		{"no secret", "t=1789388800,v1=" + firstSum, signedBody, nil, 0, ErrSignature},
		{"another sum", "t=1789388800,v1=" + zeros, signedBody, both, 0, ErrSignature},
		{"a secret that anybody has", "t=1789388800,v1=" + zeros, signedBody, [][]byte{{}}, 0, ErrSecret},

		{"no header", "", signedBody, both, 0, ErrSignatureHeader},
		{"no signature", "t=1789388800", signedBody, both, 0, ErrSignatureHeader},
		{"a signature of another version", "t=1789388800,v0=" + firstSum, signedBody, both, 0, ErrSignatureHeader},
		{"no time", "v1=" + firstSum, signedBody, both, 0, ErrSignatureHeader},
		{"an empty time", "t=,v1=" + firstSum, signedBody, both, 0, ErrSignatureHeader},
		{"two times", "t=1789388800,t=1789388800,v1=" + firstSum, signedBody, both, 0, ErrSignatureHeader},
		{"a negative time", "t=-1789388800,v1=" + firstSum, signedBody, both, 0, ErrSignatureHeader},
		{"a time with a sign", "t=+1789388800,v1=" + firstSum, signedBody, both, 0, ErrSignatureHeader},
		{"a time that cannot be counted", "t=1789388800000,v1=" + firstSum, signedBody, both, 0, ErrSignatureHeader},
		{"a time that is none", "t=now,v1=" + firstSum, signedBody, both, 0, ErrSignatureHeader},
		{"a shorter signature", "t=1789388800,v1=" + firstSum[:62], signedBody, both, 0, ErrSignatureHeader},
		{"a longer signature", "t=1789388800,v1=" + firstSum + "00", signedBody, both, 0, ErrSignatureHeader},
		{"half a byte", "t=1789388800,v1=" + firstSum[:63], signedBody, both, 0, ErrSignatureHeader},
		{"a signature in no hexadecimal", "t=1789388800,v1=" + firstSum[:63] + "g", signedBody, both, 0, ErrSignatureHeader},
		{"white space", "t=1789388800, v1=" + firstSum, signedBody, both, 0, ErrSignatureHeader},
		{"a right one beside one that is none", "t=1789388800,v1=x,v1=" + firstSum, signedBody, both, 0, ErrSignatureHeader},
		{"more than may be", many + ",v1=" + zeros, signedBody, both, 0, ErrSignatureHeader},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Verify(tc.header, []byte(tc.body), tc.secrets, 5*time.Minute, signedAt.Add(tc.late))
			if !errors.Is(err, tc.want) {
				t.Errorf("Verify = %v, want %v", err, tc.want)
			}
		})
	}
}

// slowVerify looks for a signature that it would have made itself among all that the header could be read as.
func slowVerify(header string, body, secret []byte) bool {
	fields := strings.Split(header, ",")
	for _, t := range fields {
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%s", strings.TrimPrefix(t, "t="), body)
		right := fmt.Sprintf("v1=%x", mac.Sum(nil))
		for _, v := range fields {
			if strings.HasPrefix(t, "t=") && strings.HasPrefix(v, "v1=") && strings.EqualFold(v, right) {
				return true
			}
		}
	}
	return false
}

// FuzzVerify wants nothing accepted that was not signed, and everything that was; and no time to be its own proof.
func FuzzVerify(f *testing.F) {
	f.Add("t=1789388800,v1="+firstSum, []byte(signedBody), int64(1789388800))
	f.Add("t=1789388800,v1="+firstSum+",v1="+secondSum, []byte(signedBody), int64(0))
	f.Add("t=1,t=1,v1=,v2", []byte{}, int64(-1))
	f.Fuzz(func(t *testing.T, header string, body []byte, unix int64) {
		const century = 100 * 365 * 24 * time.Hour
		secrets := [][]byte{firstSecret}
		kept := bytes.Clone(body)
		err := Verify(header, body, secrets, century, signedAt)
		if err == nil && !slowVerify(header, body, firstSecret) {
			t.Errorf("%q was not signed, and is accepted", header)
		}
		if !bytes.Equal(kept, body) {
			t.Error("the body was written to")
		}
		unix %= 1e12 // whole seconds of at most 12 digits
		at := time.Unix(max(unix, -unix), 0)
		ours := sign(at, body, secrets)
		if err := Verify(ours, body, secrets, 0, at); err != nil {
			t.Errorf("Verify of %q = %v", ours, err)
		}
		if err := Verify(ours, append(kept, 'x'), secrets, 0, at); !errors.Is(err, ErrSignature) {
			t.Errorf("Verify of %q with a body that is longer = %v", ours, err)
		}
	})
}
