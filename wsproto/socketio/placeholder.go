package socketio

import "encoding/base64"

// placeholder is the place of an attachment in a payload: data[start:end] reads
// {"_placeholder":true,"num":<num>}.
type placeholder struct {
	start, end, num int
}

const (
	placeholderKey = "_placeholder"
	numKey         = "num"
)

// nextPlaceholder returns the first placeholder at or after i in valid JSON; ok is
// false when there is none. In a packet with attachments the key _placeholder is
// reserved: an object that has it and is not exactly a placeholder, with an integer
// for num and nothing else in it, is ErrPlaceholder (CVE-2022-2421). The reference
// is laxer about the rest of the object, but writes no other form itself.
func nextPlaceholder(data []byte, i int) (p placeholder, ok bool, err error) {
	for i < len(data) {
		switch data[i] {
		case '{':
			if p, ok = matchPlaceholder(data, i); ok {
				return p, true, nil
			}
			i++
		case '"':
			end := stringEnd(data, i)
			if isKey(data[end:]) && keyEquals(data[i:end], placeholderKey) {
				return placeholder{}, false, ErrPlaceholder
			}
			i = end
		default:
			i++
		}
	}
	return placeholder{}, false, nil
}

// isKey says whether a string is a member's name, by the text that follows it.
func isKey(following []byte) bool {
	following = trimLeft(following)
	return len(following) > 0 && following[0] == ':'
}

// keyEquals compares a quoted name with its escapes decoded.
func keyEquals(quoted []byte, name string) bool {
	const longest = len(placeholderKey)*len(`\u0000`) + len(`""`)
	if len(quoted) < 2 || len(quoted) > longest {
		return false
	}
	var buf [longest]byte
	return string(appendUnquoted(buf[:0], quoted[1:len(quoted)-1])) == name
}

// matchPlaceholder reads the object at i as a placeholder: its two members in
// either order.
func matchPlaceholder(data []byte, i int) (p placeholder, ok bool) {
	rest := data[i+1:]
	marked, num := false, -1
	for _, after := range [2]byte{',', '}'} {
		rest = trimLeft(rest)
		if len(rest) == 0 || rest[0] != '"' {
			return placeholder{}, false
		}
		end := stringEnd(rest, 0)
		key := rest[:end]
		if rest, ok = cutByte(rest[end:], ':'); !ok {
			return placeholder{}, false
		}
		rest = trimLeft(rest)
		switch {
		case !marked && keyEquals(key, placeholderKey) && hasTrue(rest):
			marked, rest = true, rest[len("true"):]
		case num < 0 && keyEquals(key, numKey):
			num, rest = cutIndex(rest)
		}
		if rest, ok = cutByte(rest, after); !ok {
			return placeholder{}, false
		}
	}
	return placeholder{start: i, end: len(data) - len(rest), num: num}, marked && num >= 0
}

func hasTrue(text []byte) bool {
	return len(text) >= 4 && string(text[:4]) == "true"
}

// cutByte takes c, and any white space before it, off the front of text.
func cutByte(text []byte, c byte) (rest []byte, ok bool) {
	text = trimLeft(text)
	if len(text) == 0 || text[0] != c {
		return text, false
	}
	return text[1:], true
}

// cutIndex takes the digits of a small integer off the front of text; n is -1 when
// there are none or too many. A fraction or an exponent is left for the caller to
// stumble over.
func cutIndex(text []byte) (n int, rest []byte) {
	const digitsMax = 9
	i, n := 0, 0
	for ; i < len(text) && i <= digitsMax && isDigit(text[i]); i++ {
		n = n*10 + int(text[i]-'0')
	}
	if i == 0 || i > digitsMax {
		return -1, text
	}
	return n, text[i:]
}

// checkPlaceholders wants each placeholder in valid JSON to name an attachment of its
// own. No encoder names one twice, and a payload that does could make a small packet
// huge where attachments are inlined. Attachments that no placeholder names are
// harmless.
func checkPlaceholders(data []byte, attachments int) error {
	named := make([]bool, attachments)
	p, ok, err := nextPlaceholder(data, 0)
	for ; ok; p, ok, err = nextPlaceholder(data, p.end) {
		if p.num >= attachments || named[p.num] {
			return ErrPlaceholder
		}
		named[p.num] = true
	}
	return err
}

// inlineAttachments returns elem with each placeholder replaced by the base64 string
// of its attachment, which is how JSON carries a []byte in Go. Without placeholders
// it returns elem itself, else fresh memory.
func inlineAttachments(elem []byte, buffers [][]byte) ([]byte, error) {
	if len(buffers) == 0 {
		return elem, nil
	}
	var out []byte
	done := 0
	p, ok, err := nextPlaceholder(elem, 0)
	for ; ok; p, ok, err = nextPlaceholder(elem, p.end) {
		if p.num >= len(buffers) {
			return nil, ErrPlaceholder
		}
		out = append(out, elem[done:p.start]...)
		out = appendBase64String(out, buffers[p.num])
		done = p.end
	}
	if err != nil || done == 0 {
		return elem, err
	}
	return append(out, elem[done:]...), nil
}

func appendBase64String(dst, data []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, data)
	return append(dst, '"')
}
