package socketio

import (
	"reflect"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/encoder"
	"github.com/bytedance/sonic/option"
)

// This file is all that the package knows of sonic. On processors and Go versions
// for which sonic has no compiler it falls back to encoding/json by itself.

// decoding refuses raw control characters, and copies strings out of the input so
// that one kept word does not keep a whole packet alive.
var decoding = sonic.Config{ValidateString: true, CopyString: true}.Froze()

// encoding repairs bad UTF-8 and leaves HTML as it is, as JSON.stringify does.
const encoding = encoder.ValidateString | encoder.CompactMarshaler

// unmarshal decodes data, which it copies, into the pointer v.
func unmarshal(data []byte, v any) error {
	return decoding.Unmarshal(data, v)
}

// appendMarshal appends the JSON of v. The result is not trusted: a json.Marshaler
// or json.RawMessage inside of v may have put anything there.
func appendMarshal(dst []byte, v any) ([]byte, error) {
	// sonic corrects the UTF-8 of all that the buffer holds. What stands in dst is
	// none of its business, so it sees only the room behind it.
	buf := dst[len(dst):]
	if err := encoder.EncodeInto(&buf, v, encoding); err != nil {
		return dst, err
	}
	return append(dst, buf...), nil
}

// Pretouch prepares the decoding and encoding of v's type, or of the type it points
// to. Without it the first packet of that type waits about a millisecond, and with
// it all packets of its loop. Call it where a handler is registered.
func Pretouch(v any) error {
	t := reflect.TypeOf(v)
	if t == nil {
		return nil
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return sonic.Pretouch(t, option.WithCompileRecursiveDepth(compileDepthMax))
}
