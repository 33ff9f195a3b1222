package control

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
)

// cursors seals the places of listings. Open, they would tell a key that is locked to some rooms how many others there
// are; and one that somebody has made up, or taken from another listing, is told apart from the end of a list.
type cursors struct{ seal cipher.AEAD }

// newCursors draws a key. Places mean something to this process alone, and so do cursors.
func newCursors() cursors {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // which does not fail
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return cursors{seal}
}

// out makes a cursor of a place in a listing, "" of its end.
func (c cursors) out(place, listing string) string {
	if place == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(c.seal.Seal(nil, nil, []byte(place), []byte(listing)))
}

// in reads a cursor that out has made for the same listing.
func (c cursors) in(cursor, listing string) (place string, _ *Error) {
	if cursor == "" {
		return "", nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		var text []byte
		if text, err = c.seal.Open(nil, nil, sealed, []byte(listing)); err == nil {
			return string(text), nil
		}
	}
	return "", bad("cursor_invalid", "cursor", "this is no cursor of this listing, or one from before a restart")
}
