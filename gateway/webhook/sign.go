package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// SignatureHeader carries the signatures of a request: t=<unix seconds>,v1=<hex>, with one v1 for each secret. A v1 is the
// HMAC-SHA256 of the seconds as they stand there, a dot, and the body.
const SignatureHeader = "X-Starling-Signature"

// sign makes the header of a body sent now.
func sign(now time.Time, body []byte, secrets [][]byte) string {
	seconds := strconv.FormatInt(now.Unix(), 10)
	var header strings.Builder
	header.WriteString("t=" + seconds)
	for _, secret := range secrets {
		header.WriteString(",v1=" + hex.EncodeToString(sum(secret, seconds, body)))
	}
	return header.String()
}

func sum(secret []byte, seconds string, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Verify checks the X-Starling-Signature header of a request against its body, for backends written in Go. The body is as
// it came, and is only read; it may have been signed up to tolerance before now or after. How long it takes tells nothing
// of the secrets. It fails with ErrSignatureHeader, ErrSignatureTime, ErrSignature, or ErrSecret, lest an empty secret, with
// which anybody could sign, be taken for one.
func Verify(header string, body []byte, secrets [][]byte, tolerance time.Duration, now time.Time) error {
	seconds, signatures, err := parseSignature(header)
	if err != nil {
		return err
	}
	signed, _ := strconv.ParseInt(seconds, 10, 64) // at most 12 digits
	if age := now.Unix() - signed; max(age, -age) > int64(tolerance/time.Second) {
		return ErrSignatureTime
	}
	right := false
	for _, secret := range secrets {
		if len(secret) < SecretBytesMin {
			return ErrSecret
		}
		want := sum(secret, seconds, body)
		for _, got := range signatures {
			right = hmac.Equal(want, got) || right
		}
	}
	if !right {
		return ErrSignature
	}
	return nil
}

// parseSignature takes the header apart. Names that it does not know are those of later versions.
func parseSignature(header string) (seconds string, signatures [][]byte, err error) {
	for field := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "t":
			if seconds != "" || !isSeconds(value) {
				return "", nil, ErrSignatureHeader
			}
			seconds = value
		case "v1":
			signature, err := hex.DecodeString(value)
			if err != nil || len(signature) != sha256.Size || len(signatures) == SignaturesMax {
				return "", nil, ErrSignatureHeader
			}
			signatures = append(signatures, signature)
		}
	}
	if seconds == "" || len(signatures) == 0 {
		return "", nil, ErrSignatureHeader
	}
	return seconds, signatures, nil
}

// isSeconds accepts no sign and no more digits than can be counted with.
func isSeconds(s string) bool {
	return len(s) >= 1 && len(s) <= 12 && strings.Trim(s, "0123456789") == ""
}
