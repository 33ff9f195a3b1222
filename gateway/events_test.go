package gateway

import (
	"fmt"
	"strings"
	"testing"
)

func TestJoinAndLeave(t *testing.T) {
	g := start(t, Config{RoomsPerSocketMax: 2})
	c := enter(t, g, `{"sub":"1","join":["first"],"rooms":["acme","acme:*","user:2"]}`)
	for _, room := range []string{"acme", "acme:board", "acme"} { // user:1 and first do not count
		c.wants(fmt.Sprintf(`"join",%q`, room), fmt.Sprintf(`{"room":%q}`, room))
	}
	c.wantsError(`"join","acme:2"`, codeRoomsMax)
	c.wants(`"leave","first"`, `{"room":"first"}`)
	c.wants(`"leave","first"`, `{"room":"first"}`)
	c.wants(`"join","first"`, `{"room":"first"}`)
	c.wants(`"leave","acme:board"`, `{"room":"acme:board"}`)
	c.wants(`"join","acme:2"`, `{"room":"acme:2"}`)
	c.wants(`"leave","acme:2"`, `{"room":"acme:2"}`)
	c.wants(`"join","user:2"`, `{"room":"user:2"}`)
	c.wantsError(`"leave","user:1"`, codeRoomForbidden)
	for _, room := range []string{"globex", "ACME", "acme:", "user:3", "user:", c.id} {
		c.wantsError(fmt.Sprintf(`"join",%q`, room), codeRoomForbidden)
	}
	for _, args := range []string{``, `,5`, `,["acme"]`, `,{}`} {
		c.wantsError(`"join"`+args, codeArguments)
		c.wantsError(`"leave"`+args, codeArguments)
	}
	for _, room := range []string{``, ` acme`, "acme\\u0000", "acme:*", strings.Repeat("x", 256)} {
		c.wantsError(`"join","`+room+`"`, codeRoomName)
	}
}

func TestEmit(t *testing.T) {
	g := start(t, Config{ClientEvents: []string{"client:*", "wave", "dis*"}})
	a := enter(t, g, `{"sub":"ann","join":["acme"],"emit":["acme","acme:*"]}`)
	b := enter(t, g, `{"sub":"bob","join":["acme"]}`)
	c := enter(t, g, `{"sub":"cy","join":["globex"]}`)
	a.wants(`"emit","acme","client:typing",{"n":1.50},null,[]`, `{"room":"acme"}`)
	b.expect(fmt.Sprintf(`42["client:typing",{"sid":%q,"user":"ann","room":"acme"},{"n":1.50},null,[]]`, a.id))
	a.wants(`"emit","acme","wave"`, `{"room":"acme"}`)
	b.expect(fmt.Sprintf(`42["wave",{"sid":%q,"user":"ann","room":"acme"}]`, a.id))
	a.wants(`"emit","acme:empty","wave"`, `{"room":"acme:empty"}`)
	a.wantsError(`"emit","globex","wave"`, codeRoomForbidden)
	a.wantsError(`"emit",`+fmt.Sprintf("%q", c.id)+`,"wave"`, codeRoomForbidden)
	a.wantsError(`"emit","user:cy","wave"`, codeRoomForbidden)
	a.wantsError(`"emit","acme:*","wave"`, codeRoomName)
	for _, event := range []string{"invoice.paid", "client", "waves", "Client:x", "connect", "disconnect", ""} {
		a.wantsError(fmt.Sprintf(`"emit","acme",%q`, event), codeEvent)
	}
	for _, args := range []string{``, `,"acme"`, `,"acme",5`, `,5,"wave"`, `,"","wave"`} {
		a.wantsError(`"emit"`+args, codeArguments)
	}
	b.wantsError(`"emit","acme","wave"`, codeRoomForbidden) // it is in the room, and may not
	a.silent()
	b.silent()
	c.silent()
}

func TestDirect(t *testing.T) {
	g := start(t, Config{})
	a := enter(t, g, `{"sub":"ann","join":["acme"],"emit":["acme"]}`)
	b := enter(t, g, `{"sub":"bob","join":["acme"]}`)
	c := enter(t, g, `{"sub":"cy","join":["globex"],"rooms":["acme"]}`)
	direct := func(id string) string { return fmt.Sprintf(`"direct",%q,"client:hi",1`, id) }
	a.wants(direct(b.id), fmt.Sprintf(`{"sid":%q}`, b.id))
	b.expect(fmt.Sprintf(`42["client:hi",{"sid":%q,"user":"ann"},1]`, a.id))
	a.wants(direct(a.id), fmt.Sprintf(`{"sid":%q}`, a.id))
	a.expect(fmt.Sprintf(`42["client:hi",{"sid":%q,"user":"ann"},1]`, a.id))
	a.wantsError(direct(c.id), codeSocketUnknown)
	b.wantsError(direct(a.id), codeSocketUnknown)
	for _, id := range []string{"AAAAAAAAAAAAAAAAAAAA", "acme", "user:bob", "x"} {
		a.wantsError(direct(id), codeSocketUnknown)
	}
	a.wantsError(fmt.Sprintf(`"direct",%q,"invoice.paid"`, b.id), codeEvent)
	c.wants(`"join","acme"`, `{"room":"acme"}`)
	a.wants(direct(c.id), fmt.Sprintf(`{"sid":%q}`, c.id))
	b.conn.Close()
	eventually(t, "it has left", func() bool { return g.Server().RoomSize("user:bob") == 0 })
	a.wantsError(direct(b.id), codeSocketUnknown)
	a.silent()
}

func TestWho(t *testing.T) {
	g := start(t, Config{})
	a := enter(t, g, `{"sub":"ann","join":["acme"],"data":{"name":"Ann"}}`)
	a.wants(`"who","acme"`, fmt.Sprintf(`{"room":"acme","count":1,"sockets":[{"sid":%q,"user":"ann","data":{"name":"Ann"}}]}`, a.id))
	a.wantsError(`"who","globex"`, codeRoomForbidden)
	a.wantsError(`"who","acme",5`, codeArguments)
	a.wants(`"who","acme","no cursor"`, `{"room":"acme","count":1,"sockets":[]}`)
	if status, body := api(t, g, "PUT", "/v1/rooms/globex/sockets/"+a.id, ""); status != 204 {
		t.Fatalf("joining by the API: %d %s", status, body)
	}
	a.wants(`"who","globex"`, fmt.Sprintf(`{"room":"globex","count":1,"sockets":[{"sid":%q,"user":"ann","data":{"name":"Ann"}}]}`, a.id)) // it is in
	for range whoMax + 1 {
		enter(t, g, `{"sub":"bob","join":["acme"]}`)
	}
	big := enter(t, g, `{"sub":"big","join":["big"],"data":"`+strings.Repeat("x", 4000)+`"}`)
	for range 30 {
		enter(t, g, `{"sub":"big","join":["big"],"data":"`+strings.Repeat("x", 4000)+`"}`)
	}
	if page := big.emit(`"who","big"`); len(page) < whoBytesMax || len(page) > 2*whoBytesMax || !strings.Contains(page, `"next":"`) {
		t.Errorf("a page of large data has %d bytes", len(page))
	}
	first := a.emit(`"who","acme"`)
	if n := strings.Count(first, `"sid"`); n != whoMax || !strings.Contains(first, fmt.Sprintf(`"count":%d`, whoMax+2)) {
		t.Errorf("the first page has %d sockets: %.200s", n, first)
	}
	_, next, _ := strings.Cut(first, `"next":`)
	next = strings.TrimSuffix(next, "}")
	if second := a.emit(`"who","acme",` + next); strings.Count(second, `"sid"`) != 2 || strings.Contains(second, `"next"`) {
		t.Errorf("the second page is %s", second)
	}
}

func TestUnknownEvents(t *testing.T) {
	g := start(t, Config{})
	c := enter(t, g, `{"sub":"1"}`)
	c.wantsError(`"fly","to the moon"`, codeEventUnknown)
	c.send(`42["fly"]`)
	c.silent()
}

// TestRates: what comes too fast is refused and says so, to this client alone; one that never listens is disconnected.
func TestRates(t *testing.T) {
	g := start(t, Config{EventsRate: 1, EventsBurst: 20})
	c, calm := enter(t, g, `{"sub":"1"}`), enter(t, g, `{"sub":"2"}`)
	refused := 0
	for range 30 {
		if strings.Contains(c.emit(`"leave","x"`), codeRateLimited) {
			refused++
		}
	}
	if refused < 5 || refused > 10 {
		t.Errorf("%d of 30 events were refused, want 10, or some less if that took seconds", refused)
	}
	calm.silent()
	c.send(`42["leave","x"]`)
	for range 3 * refusalsBurstMax {
		_, _ = c.conn.Write(floodFrame)
	}
	c.ends()
	calm.silent()
}

func TestBytesRate(t *testing.T) {
	g := start(t, Config{BytesRate: 1, BytesBurst: 1000})
	c := enter(t, g, `{"sub":"1"}`)
	c.wants(`"leave","`+strings.Repeat("x", 200)+`"`, `{"room":"`+strings.Repeat("x", 200)+`"}`)
	c.wantsError(`"leave","x",`+`"`+strings.Repeat("y", 990)+`"`, codeRateLimited)
	c.wants(`"leave","x"`, `{"room":"x"}`)
}
