package wsproto_test

import (
	"fmt"

	"starling/wsproto"
)

// A body is bounded by what has come of it and by what is announced.
func ExampleParseRequest() {
	arrived := []byte("POST /socket.io/ HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7fff")
	n, err := wsproto.HeadLen(arrived)
	if err != nil {
		fmt.Println(err)
		return
	}
	request, err := wsproto.ParseRequest(arrived[:n])
	if err != nil {
		fmt.Printf("%s", wsproto.AppendRefusal(nil, err))
		return
	}
	fmt.Printf("%s %s, chunked %v\n", request.Method, request.Target, request.Chunked)

	const bodyBytesMax = 100
	var chunks wsproto.Chunked
	var body []byte
	for _, piece := range [][]byte{arrived[n:], []byte("fff\r\nabc")} {
		var done bool
		body, _, done, err = chunks.Next(body, piece)
		fmt.Printf("%q, %d to come, done %v, %v\n", body, chunks.Pending(), done, err)
		if int64(len(body))+chunks.Pending() > bodyBytesMax {
			fmt.Println("too much")
			break
		}
	}
	// Output:
	// POST /socket.io/, chunked true
	// "hello", 0 to come, done false, <nil>
	// "helloabc", 134217724 to come, done false, <nil>
	// too much
}
