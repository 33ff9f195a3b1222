package hub

import (
	"slices"

	"starling/wsproto/socketio"
)

// Raw is one argument as it came, or is to go, as JSON. Passing on an argument as Raw costs no decoding.
type Raw = socketio.Raw

// Arguments are what an event or an acknowledgement carries, decoded one by one and only when asked for.
type Arguments struct {
	list    socketio.Args // or, with a parser, its values one behind the other
	buffers [][]byte      // attachments
	parser  Parser        // nil: the standard format
}

// size is how many bytes they are.
func (a *Arguments) size() int {
	size := len(a.list)
	for _, b := range a.buffers {
		size += len(b)
	}
	return size
}

// next takes the first argument off rest, which begins as a copy of the list.
func (a *Arguments) next(rest *socketio.Args) (value []byte, ok bool) {
	if a.parser == nil {
		return rest.Next()
	}
	if len(*rest) == 0 {
		return nil, false
	}
	value, *rest = a.parser.Next(*rest)
	return value, true
}

// last returns the last argument, and the arguments without it.
func (a *Arguments) last() (value []byte, rest Arguments) {
	all, rest := a.list, *a
	for {
		before := all
		next, ok := a.next(&all)
		if !ok {
			return value, rest
		}
		value = next
		rest.list = a.list[:len(a.list)-len(before)]
	}
}

// at returns argument i.
func (a *Arguments) at(i int) (value []byte, ok bool) {
	rest := a.list
	value, ok = a.next(&rest)
	for ; i > 0 && ok; i-- {
		value, ok = a.next(&rest)
	}
	return value, ok && i == 0
}

func (a *Arguments) bind(value []byte, v any) error {
	if a.parser == nil {
		return socketio.Bind(value, a.buffers, v)
	}
	return a.parser.Bind(value, v)
}

// Len is the number of arguments, the name of the event and the acknowledgement not counted.
func (a *Arguments) Len() int {
	n, rest := 0, a.list
	for _, ok := a.next(&rest); ok; _, ok = a.next(&rest) {
		n++
	}
	return n
}

// Attachments is how many binary attachments came with the arguments: what Raw returns has placeholders for them. It is 0
// with Options.Parser, whose formats know no attachments.
func (a *Arguments) Attachments() int { return len(a.buffers) }

// Bind decodes the first arguments into the values that targets point to, one each; a nil target skips its argument. It
// returns ErrNoArgument when there are fewer, or the error of the first that does not fit. A binary argument goes into a
// *[]byte, which owns it then; within a larger value it goes wherever that has bytes.
func (a *Arguments) Bind(targets ...any) error {
	rest := a.list
	for _, target := range targets {
		value, ok := a.next(&rest)
		if !ok {
			return ErrNoArgument
		}
		if target == nil {
			continue
		}
		if err := a.bind(value, target); err != nil {
			return err
		}
	}
	return nil
}

// Arg decodes argument i, counted from 0, into what v points to; see Bind.
func (a *Arguments) Arg(i int, v any) error {
	value, ok := a.at(i)
	if !ok {
		return ErrNoArgument
	}
	return a.bind(value, v)
}

// Raw returns argument i as JSON, nil if there is none. It is borrowed: it is valid as long as the Event or Reply is.
func (a *Arguments) Raw(i int) Raw {
	value, ok := a.at(i)
	if !ok {
		return nil // and not empty, which would be no JSON
	}
	if a.parser == nil {
		return Raw(value)
	}
	var raw Raw
	if a.parser.Bind(value, &raw) != nil {
		return nil // it has something that JSON has not
	}
	return raw
}

// Values returns the arguments from i on, in a form fit to be emitted again: as they came, or decoded where they have
// binary parts. They are borrowed like those of Raw.
func (a *Arguments) Values(i int) ([]any, error) {
	var values []any
	rest := a.list
	for n := 0; ; n++ {
		value, ok := a.next(&rest)
		if !ok {
			return values, nil
		}
		if n < i {
			continue
		}
		if a.parser == nil && len(a.buffers) == 0 {
			values = append(values, Raw(value))
			continue
		}
		var v any
		if err := a.bind(value, &v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
}

// own makes the arguments independent of where they came from. Attachments are never borrowed.
func (a *Arguments) own() { a.list = slices.Clone(a.list) }
