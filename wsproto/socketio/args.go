package socketio

// Args walks the arguments of an event or an ack, each as the JSON text it came in,
// without decoding or allocating. It is the text between the array's brackets, so
// it aliases the packet's Data and is valid as long as that is. The copies of an
// Args walk independently.
type Args []byte

// Next returns the next argument, which aliases the packet, until ok is false.
func (a *Args) Next() (elem []byte, ok bool) {
	elem, rest := cutElement(*a)
	*a = rest
	return elem, len(elem) > 0
}

// Len counts the arguments that are left, in one walk over them.
func (a Args) Len() int {
	n := 0
	for _, ok := a.Next(); ok; _, ok = a.Next() {
		n++
	}
	return n
}

// At returns the argument i places from the next one, which aliases the packet. It
// walks there, so use Next to take them all.
func (a Args) At(i int) (elem []byte, ok bool) {
	elem, ok = a.Next()
	for ; i > 0 && ok; i-- {
		elem, ok = a.Next()
	}
	return elem, ok
}

// SplitEvent cuts the payload of an EVENT or BINARY_EVENT into the event's name and
// its arguments. data is the Data of a packet that Parse returned; any other text
// is safe, but what comes out is unspecified.
//
// The name is decoded: it aliases data unless it has escapes, and is fresh memory
// then. A number in the place of the name is legal and becomes its digits as
// JavaScript prints them, so 1 and "1" are one event, as in the reference.
func SplitEvent(data []byte) (name []byte, args Args, err error) {
	first, rest := cutElement(arrayBody(data))
	switch {
	case len(first) == 0:
		return nil, nil, ErrPayloadEvent
	case first[0] == '"':
		return unquote(first), rest, nil
	case first[0] == '-' || isDigit(first[0]):
		return numberName(first), rest, nil
	}
	return nil, nil, ErrPayloadEvent
}

// SplitAck returns the arguments of an ACK or BINARY_ACK, none for an ack without a
// payload. data is as in SplitEvent; the result aliases it.
func SplitAck(data []byte) Args {
	return arrayBody(data)
}

// unquote decodes a JSON string with its quotes. The result aliases s if it can.
func unquote(s []byte) []byte {
	end, escaped := scanString(s, 1)
	switch {
	case end != len(s):
		return nil // not a legal string
	case !escaped:
		return s[1 : end-1 : end-1]
	}
	raw := s[1 : end-1]
	return appendUnquoted(make([]byte, 0, len(raw)), raw)
}

// arrayBody returns what stands between the brackets of an array, aliasing data, or
// nothing if data is no array.
func arrayBody(data []byte) []byte {
	if len(data) < 2 || data[0] != '[' || data[len(data)-1] != ']' {
		return nil
	}
	return trimLeft(data[1 : len(data)-1])
}

// cutElement takes the first element off the inside of an array. Both results alias
// list; elem has no white space around it and is empty when there is none.
func cutElement(list []byte) (elem, rest []byte) {
	end := elementEnd(list)
	rest = trimLeft(list[end:])
	if len(rest) > 0 { // it begins with the comma
		rest = trimLeft(rest[1:])
	}
	return list[:end:end], rest
}

// elementEnd returns the index after the JSON value that list begins with.
func elementEnd(list []byte) int {
	if len(list) == 0 {
		return 0
	}
	switch list[0] {
	case '"':
		return stringEnd(list, 0)
	case '[', '{':
		return containerEnd(list)
	}
	for i, c := range list {
		if c == ',' || isSpace(c) {
			return i
		}
	}
	return len(list)
}

// containerEnd returns the index after the array or object that list begins with.
// The text is known to be valid, so brackets only need counting.
func containerEnd(list []byte) int {
	depth := 0
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '"':
			i = stringEnd(list, i) - 1
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(list)
}

// stringEnd returns the index after the string whose quote stands at i, or the end
// of a text that is not valid.
func stringEnd(text []byte, i int) int {
	end, _ := scanString(text, i+1)
	if end < 0 {
		return len(text)
	}
	return end
}

func trimLeft(text []byte) []byte {
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	return text
}
