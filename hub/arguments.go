package hub

import (
	"slices"

	"starling/wsproto/socketio"
)

// Raw is one argument as it came, or is to go, as JSON. Passing on an argument as Raw costs no decoding.
type Raw = socketio.Raw

// Arguments are what an event or an acknowledgement carries, decoded one by one and only when asked for.
type Arguments struct {
	list    socketio.Args
	buffers [][]byte // attachments
}

// Len is the number of arguments, the name of the event and the acknowledgement not counted.
func (a *Arguments) Len() int { return a.list.Len() }

// Bind decodes the first arguments into the values that targets point to, one each; a nil target skips its argument. It
// returns ErrNoArgument when there are fewer, or the error of the first that does not fit. A binary argument goes into a
// *[]byte, which owns it then; within a larger value it goes wherever that has bytes.
func (a *Arguments) Bind(targets ...any) error {
	rest := a.list
	for _, target := range targets {
		elem, ok := rest.Next()
		if !ok {
			return ErrNoArgument
		}
		if target == nil {
			continue
		}
		if err := socketio.Bind(elem, a.buffers, target); err != nil {
			return err
		}
	}
	return nil
}

// Arg decodes argument i, counted from 0, into what v points to; see Bind.
func (a *Arguments) Arg(i int, v any) error {
	elem, ok := a.list.At(i)
	if !ok {
		return ErrNoArgument
	}
	return socketio.Bind(elem, a.buffers, v)
}

// Raw returns argument i as JSON, nil if there is none. It is borrowed: it is valid as long as the Event or Reply is.
func (a *Arguments) Raw(i int) Raw {
	elem, ok := a.list.At(i)
	if !ok {
		return nil // and not empty, which would be no JSON
	}
	return Raw(elem)
}

// Values returns the arguments from i on, in a form fit to be emitted again: as they came, or decoded where they have
// binary parts. They are borrowed like those of Raw.
func (a *Arguments) Values(i int) ([]any, error) {
	var values []any
	rest := a.list
	for n := 0; ; n++ {
		elem, ok := rest.Next()
		if !ok {
			return values, nil
		}
		if n < i {
			continue
		}
		if len(a.buffers) == 0 {
			values = append(values, Raw(elem))
			continue
		}
		var v any
		if err := socketio.Bind(elem, a.buffers, &v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
}

// own makes the arguments independent of where they came from. Attachments are never borrowed.
func (a *Arguments) own() { a.list = slices.Clone(a.list) }
