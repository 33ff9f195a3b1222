package msgpack_test

import (
	"fmt"

	"starling/wsproto/msgpack"
	"starling/wsproto/socketio"
)

// An event and back.
func Example() {
	var parser msgpack.Parser
	data, err := parser.AppendData(nil, socketio.Event, []any{"upload", map[string]any{"name": "a.png", "data": []byte{1, 2}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	message := parser.AppendPacket(nil, socketio.Header{Type: socketio.Event, Namespace: "/chat"}, data)
	fmt.Printf("%q\n", message)

	p, err := parser.Parse(message, true)
	if err != nil {
		fmt.Println(err)
		return
	}
	values, n := parser.Elements(p.Data)
	fmt.Printf("%s of %s with %d values\n", p.Type, p.Namespace, n)
	_, values = parser.Next(values) // the name
	var file struct {
		Name string `json:"name"`
		Data []byte `json:"data"`
	}
	value, _ := parser.Next(values)
	if err := parser.Bind(value, &file); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %v\n", file.Name, file.Data)
	// Output:
	// "\x83\xa4type\x02\xa4data\x92\xa6upload\x82\xa4data\xc4\x02\x01\x02\xa4name\xa5a.png\xa3nsp\xa5/chat"
	// EVENT of /chat with 2 values
	// a.png: [1 2]
}
