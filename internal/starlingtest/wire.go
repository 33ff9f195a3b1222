package starlingtest

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
)

// Wire reads a picture of bytes: groups of hex digits, and text in quotes, each of which may be repeated with *N. A space
// within quotes is written as 20. The mask 00000000 leaves the payload of a client's frame legible.
//
//	81 85 00000000 'Hello'     a masked text frame
//	82 7e 0100 ff*256          an unmasked binary frame
//
// It panics on what is no picture.
func Wire(picture string) []byte {
	var b []byte
	for group := range strings.FieldsSeq(picture) {
		group, count, repeated := strings.Cut(group, "*")
		n := 1
		if repeated {
			n = must(strconv.Atoi(count))
		}
		var unit []byte
		if text, isText := strings.CutPrefix(group, "'"); isText {
			unit = []byte(strings.TrimSuffix(text, "'"))
		} else {
			unit = must(hex.DecodeString(group))
		}
		b = append(b, bytes.Repeat(unit, n)...)
	}
	return b
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
