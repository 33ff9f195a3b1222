package socketio

// This file is a strict JSON validator (RFC 8259): one pass, no recursion, no
// allocation. It refuses what common decoders let through, above all raw control
// characters inside strings.

// validateJSON checks that text is one JSON value nested at most JSONDepthMax deep.
// It returns the value without the white space around it, aliasing text, and
// whether there was any white space outside of strings. Text is taken to be UTF-8.
func validateJSON(text []byte) (value []byte, spaced bool, err error) {
	s := scanner{text: text}
	s.skipSpace()
	start := s.pos
	if err := s.value(); err != nil {
		return nil, false, err
	}
	end := s.pos
	s.skipSpace()
	if s.pos != len(text) {
		return nil, false, ErrPayloadJSON
	}
	return text[start:end:end], s.spaced, nil
}

// scanner is the validator's place in the text. Instead of recursing it keeps one
// bit for each open container: set for an object, clear for an array.
type scanner struct {
	text    []byte
	pos     int
	depth   int
	spaced  bool
	objects [JSONDepthMax / 64]uint64
}

// value reads one value with all that it contains.
func (s *scanner) value() error {
	for {
		ended, err := s.begin()
		if err != nil {
			return err
		}
		if !ended {
			continue
		}
		if ended, err = s.unwind(); ended || err != nil {
			return err
		}
	}
}

// begin reads a scalar, an empty container, or the opening of a container up to
// where its first value stands. It says whether a value has ended.
func (s *scanner) begin() (ended bool, err error) {
	switch c := s.peek(); {
	case c == '"':
		return true, s.str()
	case c == '{':
		return s.open(true)
	case c == '[':
		return s.open(false)
	case c == '-' || isDigit(c):
		return true, s.number()
	case c == 't':
		return true, s.literal("true")
	case c == 'f':
		return true, s.literal("false")
	case c == 'n':
		return true, s.literal("null")
	}
	return false, ErrPayloadJSON
}

// open enters a container. Of an object it reads the first key as well.
func (s *scanner) open(object bool) (ended bool, err error) {
	if s.depth == JSONDepthMax {
		return false, ErrPayloadDepth
	}
	closing, word, bit := byte(']'), s.depth/64, uint64(1)<<(s.depth%64)
	s.objects[word] &^= bit
	if object {
		closing = '}'
		s.objects[word] |= bit
	}
	s.depth++
	s.pos++
	if s.peek() == closing {
		s.depth--
		s.pos++
		return true, nil
	}
	if object {
		return false, s.key()
	}
	return false, nil
}

// unwind follows a value that has ended: it closes containers until another value
// is due, or until none is open, which it says.
func (s *scanner) unwind() (ended bool, err error) {
	for s.depth > 0 {
		top := s.depth - 1
		object := s.objects[top/64]>>(top%64)&1 == 1
		switch c := s.peek(); {
		case c == ',' && object:
			s.pos++
			return false, s.key()
		case c == ',':
			s.pos++
			return false, nil
		case c == '}' && object, c == ']' && !object:
			s.pos++
			s.depth--
		default:
			return false, ErrPayloadJSON
		}
	}
	return true, nil
}

// key reads the name of an object's member and the colon.
func (s *scanner) key() error {
	if s.peek() != '"' {
		return ErrPayloadJSON
	}
	if err := s.str(); err != nil {
		return err
	}
	if s.peek() != ':' {
		return ErrPayloadJSON
	}
	s.pos++
	return nil
}

func (s *scanner) str() error {
	end, _ := scanString(s.text, s.pos+1)
	if end < 0 {
		return ErrPayloadJSON
	}
	s.pos = end
	return nil
}

func (s *scanner) literal(word string) error {
	end := s.pos + len(word)
	if end > len(s.text) || string(s.text[s.pos:end]) != word {
		return ErrPayloadJSON
	}
	s.pos = end
	return nil
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() error {
	if s.byte() == '-' {
		s.pos++
	}
	start := s.pos
	if n := s.digits(); n == 0 || n > 1 && s.text[start] == '0' {
		return ErrPayloadJSON
	}
	if s.byte() == '.' {
		s.pos++
		if s.digits() == 0 {
			return ErrPayloadJSON
		}
	}
	if s.byte()|0x20 != 'e' {
		return nil
	}
	s.pos++
	if c := s.byte(); c == '+' || c == '-' {
		s.pos++
	}
	if s.digits() == 0 {
		return ErrPayloadJSON
	}
	return nil
}

// digits reads as many as there are, and counts them.
func (s *scanner) digits() int {
	text, i := s.text, s.pos
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	n := i - s.pos
	s.pos = i
	return n
}

// byte returns the byte at the place, and zero, which no rule wants, at the end.
func (s *scanner) byte() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// peek is byte after any white space. Compact text, which is what clients send, pays
// one comparison for it.
func (s *scanner) peek() byte {
	if c := s.byte(); c > ' ' {
		return c
	}
	s.skipSpace()
	return s.byte()
}

func (s *scanner) skipSpace() {
	start := s.pos
	for s.pos < len(s.text) && isSpace(s.text[s.pos]) {
		s.pos++
	}
	if s.pos > start {
		s.spaced = true
	}
}

// isSpace tells JSON's white space, the only raw control characters it allows.
func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r'
}

// appendCompact appends valid JSON without the white space outside of its strings.
func appendCompact(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end, _ := scanString(text, i+1)
			dst = append(dst, text[i:end]...)
			i = end
		case isSpace(c):
			i++
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}
