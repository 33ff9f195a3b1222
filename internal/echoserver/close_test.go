package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"starling/eventloop"
	"starling/internal/starlingtest"
)

// TestClose holds the closing handshake to RFC 6455 5.5.1 and 7. That the connection ends is part of each conversation.
func TestClose(t *testing.T) {
	runRows(t, []row{
		{name: "no body", in: "88 80 00000000", end: "88 00"},
		{name: "a body of one byte", in: "88 81 00000000 03", end: protocolError},
		{name: "a code", in: "88 82 00000000 03e8", end: "88 02 03e8"},
		{name: "a code under a mask", in: "88 82 37fa213d 3412", end: "88 02 03e8"},
		{name: "a code and a reason", in: "88 87 00000000 03e8 'Hello'", end: "88 02 03e8"},
		{name: "a reason of two runes", in: "88 87 00000000 03e8 c3a4 e282ac", end: "88 02 03e8"},
		{name: "the longest reason", in: "88 fd 00000000 03e8 61*123", end: "88 02 03e8"},
		{name: "a longer reason", in: "88 fe 007e 00000000 03e8 61*124", end: protocolError},
		{name: "a reason that is not UTF-8", in: "88 83 00000000 03e8 ff", end: invalidPayload},
		{name: "a reason that is cut within a rune", in: "88 84 00000000 03e8 e282", end: invalidPayload},
		{name: "a reason with a surrogate", in: "88 85 00000000 03e8 eda080", end: invalidPayload},
		{name: "in the middle of a message", in: "01 81 00000000 'a' 88 82 00000000 03e8", end: "88 02 03e8"},

		{name: "behind messages", in: "81 81 00000000 'a' 89 80 00000000 88 80 00000000", want: "81 01 'a' 8a 00", end: "88 00"},
		{name: "then text", in: "88 82 00000000 03e8 81 81 00000000 'a'", end: "88 02 03e8"},
		{name: "then a ping", in: "88 82 00000000 03e8 89 80 00000000", end: "88 02 03e8"},
		{name: "then the rest of a message", in: "01 81 00000000 'a' 88 80 00000000 80 81 00000000 'b'", end: "88 00"},
		{name: "then another close", in: "88 82 00000000 03e8 88 82 00000000 03e9", end: "88 02 03e8"},
		{name: "then what breaks the rules", in: "88 82 00000000 03e8 ffff", end: "88 02 03e8"},
		{name: "then a lot", in: "88 82 00000000 03e8 61*300000", end: "88 02 03e8"},
	})
}

// TestTheEndComesAtOnce behind the close frame: the server does not wait with it for the client's end, for which it has some
// time. A busy machine may take as long, but not each time.
func TestTheEndComesAtOnce(t *testing.T) {
	addr, _ := start(t)
	quickest := time.Hour
	for range 20 {
		c := starlingtest.Dial(t, addr)
		err := errors.Join(c.Upgrade("/"), send(c, [][]byte{starlingtest.Wire("88 82 00000000 03e8")}), c.Expect(starlingtest.Wire("88 02 03e8")))
		began := time.Now()
		if err = errors.Join(err, c.Ends(), c.Close()); err != nil {
			t.Fatal(err)
		}
		quickest = min(quickest, time.Since(began))
	}
	if quickest > eventloop.LingerMax/2 {
		t.Errorf("the end comes %v behind the close frame, or later", quickest)
	}
}

// TestCloseCodes holds each code to RFC 6455 7.4, and to the registry that it founded.
func TestCloseCodes(t *testing.T) {
	var rows []row
	add := func(name string, codes ...int) {
		for _, code := range codes {
			bare := fmt.Sprintf("88 82 00000000 %04x", code)
			reasoned := fmt.Sprintf("88 85 00000000 %04x 'bye'", code)
			end := protocolError
			if name == "echoed" {
				end = fmt.Sprintf("88 02 %04x", code)
			}
			rows = append(rows,
				row{name: fmt.Sprintf("%d is %s", code, name), in: bare, end: end},
				row{name: fmt.Sprintf("%d with a reason is %s", code, name), in: reasoned, end: end})
		}
	}
	add("echoed", 1000, 1001, 1002, 1003)
	add("echoed", 1007, 1008, 1009, 1010, 1011)
	add("echoed", 1012, 1013, 1014) // registered since RFC 6455
	add("echoed", 3000, 3001, 3999, 4000, 4001, 4999)
	add("refused", 0, 1, 999)
	add("refused", 1004)             // of no meaning yet
	add("refused", 1005, 1006, 1015) // they stand for what is no close frame
	add("refused", 1016, 1100, 2000, 2999, 5000, 65535)
	runRows(t, rows)
}
