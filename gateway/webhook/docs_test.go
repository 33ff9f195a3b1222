package webhook

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestTheDocs holds what docs/WEBHOOKS.md shows against what is sent and understood.
func TestTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/WEBHOOKS.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		shown[checkShown(t, block[1])]++
	}
	want := map[string]int{"connect": 1, "join": 1, "event": 1, "batch": 1, "reply": 4}
	if !reflect.DeepEqual(shown, want) {
		t.Errorf("shown are %v, want %v", shown, want)
	}
	for _, text := range []string{signedBody, "t=1789388800,v1=" + firstSum, string(firstSecret)} {
		if !strings.Contains(string(page), text) {
			t.Errorf("the example of a signature lacks %s", text)
		}
	}
}

// checkShown checks a message, and returns its type, or "reply".
func checkShown(t *testing.T, text []byte) string {
	t.Helper()
	var h head
	if err := json.Unmarshal(text, &h); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	switch h.Type {
	case "connect":
		checkFields(t, text, &connectMessage{})
	case "join":
		checkFields(t, text, &joinMessage{})
	case "event":
		checkFields(t, text, &eventMessage{})
	case "batch":
		checkFields(t, text, &struct {
			head
			Events []notificationMessage `json:"events"`
		}{})
	default:
		checkShownReply(t, text)
		return "reply"
	}
	return h.Type
}

// checkFields wants a text to have the fields of a message, and no others.
func checkFields(t *testing.T, text []byte, message any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(message); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	sent, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if json.Unmarshal(sent, &got) != nil || json.Unmarshal(text, &want) != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("shown is %s, and sent %s", text, sent)
	}
}

// checkShownReply wants a text to be a reply that says something: to a connection, to a join, or a no.
func checkShownReply(t *testing.T, text []byte) {
	t.Helper()
	join := parseJoinReply(text)
	connect, err := parseConnectReply(text)
	switch {
	case bytes.Contains(text, []byte("allow")):
		if join != nil && !reflect.DeepEqual(join, &RefusedError{Message: "this board is private"}) {
			t.Errorf("%s means %v", text, join)
		}
	case bytes.Contains(text, []byte("ttl")):
		if err != nil || connect.User == "" || connect.Join == nil || connect.Rooms == nil || connect.Emit == nil || connect.Data == nil {
			t.Errorf("%s means %+v, %v", text, connect, err)
		}
	default:
		if got := parseRefusal(text); got.Error() != "webhook: refused by the backend: not for guests" {
			t.Errorf("%s means %v", text, got)
		}
	}
}
