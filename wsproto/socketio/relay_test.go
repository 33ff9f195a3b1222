package socketio

import "testing"

func TestAppendOffset(t *testing.T) {
	for _, tc := range []struct{ name, packet, want string }{
		{"an event alone", `2["tick"]`, `2["tick","AAAAAAAAAAAAAAAB"]`},
		{"arguments and a namespace", `2/chat,["m",{"a":[1]}]`, `2/chat,["m",{"a":[1]},"AAAAAAAAAAAAAAAB"]`},
		{"attachments", `51-["f",{"_placeholder":true,"num":0}]`, `51-["f",{"_placeholder":true,"num":0},"AAAAAAAAAAAAAAAB"]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			prefix := "in front:"
			got := AppendOffset([]byte(prefix+tc.packet), "AAAAAAAAAAAAAAAB")
			if string(got) != prefix+tc.want {
				t.Errorf("AppendOffset = %s, want %s", got, prefix+tc.want)
			}
		})
	}
}

func TestDataOf(t *testing.T) {
	for _, tc := range []struct{ name, packet, want string }{
		{"an event", `2["tick",1]`, `["tick",1]`},
		{"with an id", `217["tick",1]`, `["tick",1]`},
		{"of a namespace", `2/chat,["tick"]`, `["tick"]`},
		{"of a namespace with digits, with an id", `2/a-1,5["tick"]`, `["tick"]`},
		{"of a namespace with a bracket", `2/a[1],["tick"]`, `["tick"]`},
		{"with attachments", `52-/chat,3["f",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, `["f",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`},
		{"an ack", `317[]`, `[]`},
		{"an ack with an attachment", `61-7[{"_placeholder":true,"num":0}]`, `[{"_placeholder":true,"num":0}]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := DataOf([]byte(tc.packet)); string(got) != tc.want {
				t.Errorf("DataOf = %s, want %s", got, tc.want)
			}
		})
	}
}
