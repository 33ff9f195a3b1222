package engineio_test

import (
	"fmt"

	"starling/wsproto/engineio"
)

func ExamplePayload() {
	body := []byte("42[\"hello\"]\x1ebAQI=")
	if err := engineio.CheckText(body); err != nil {
		return // answer 400 and close the session
	}
	payload := engineio.NewPayload(body)
	for {
		packet, ok, err := payload.Next()
		if !ok || err != nil {
			fmt.Println("end:", err)
			return
		}
		fmt.Printf("%s binary=%v %q\n", packet.Type, packet.Binary, packet.Data)
	}
	// Output:
	// message binary=false "2[\"hello\"]"
	// message binary=true "\x01\x02"
	// end: <nil>
}
