//go:build !race

package socketio

import "testing"

func TestHotPathsDoNotAllocate(t *testing.T) {
	event := []byte(`2/chat,12["message",{"text":"hello","n":[1,2]},"x",3]`)
	bad := []byte(`9["x"]`)
	p, err := Parse(event, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := Raw(`{"text":"hello","n":[1,2]}`)
	args := []any{raw, "hello", 3, 1.5, true, nil}
	nested := []any{[]any{"a", 1}}
	dst := make([]byte, 0, 4096)
	var d Decoder

	rows := []struct {
		name string
		run  func()
	}{
		{"Parse", func() { _, _ = Parse(event, nil) }},
		{"Parse of a bad packet", func() { _, _ = Parse(bad, nil) }},
		{"Decoder.Add of text", func() { _, _, _ = d.Add(event) }},
		{"SplitEvent", func() { _, _, _ = SplitEvent(p.Data) }},
		{"Args.Next", func() {
			_, args, _ := SplitEvent(p.Data)
			for _, ok := args.Next(); ok; _, ok = args.Next() {
			}
		}},
		{"Args.Len and At", func() { _, _ = SplitAck(p.Data).At(SplitAck(p.Data).Len() - 1) }},
		{"AppendEvent", func() { _, _, _ = AppendEvent(dst, "/chat", 12, true, "message", args) }},
		{"AppendEvent of a slice", func() { _, _, _ = AppendEvent(dst, "/", 0, false, "message", nested) }},
		{"AppendEvent refused", func() { _, _, _ = AppendEvent(dst, "/", 0, false, "connect", args) }},
		{"AppendAck", func() { _, _, _ = AppendAck(dst, "/chat", 12, args) }},
		{"AppendPacket", func() { _ = AppendPacket(dst, p) }},
		{"AppendConnect", func() { _ = AppendConnect(dst, "/chat", "Z-aRybzl-AM3XkceAAAF", "") }},
		{"AppendConnectError", func() { _, _ = AppendConnectError(dst, "/chat", "Invalid namespace", nil) }},
		{"AppendDisconnect", func() { _ = AppendDisconnect(dst, "/chat") }},
		{"CheckNamespace", func() { _ = CheckNamespace("/chat") }},
	}
	for _, row := range rows {
		if allocs := testing.AllocsPerRun(200, row.run); allocs != 0 {
			t.Errorf("%s: %v allocations a run, want none", row.name, allocs)
		}
	}
}
