package hub

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"starling/hub/internal/session"
	"starling/wsproto"
	"starling/wsproto/socketio"
)

// slowSession says what a server does with the messages of one client, in the most obvious way: all text is taken apart by
// encoding/json, and nothing is kept but lists. The server has the namespaces "/", where the client is connected and owes
// three acknowledgements, and "/b". The event "e" is acknowledged at once with the number of its arguments; any other event
// is acknowledged with "other" when its handler has its turn.
type slowSession struct {
	events  []string       // "e", which handlers must see at once
	others  []string       // the others, which handlers must see in their turn
	says    []string       // what the client must be told, but for the acknowledgements of other events
	later   []string       // these, which nobody gets any more who has left meanwhile
	replies []string       // acknowledgements of the client's that somebody has waited for
	ended   session.Reason // 0: it has not
	left    bool           // a namespace was left

	seats  map[string]*slowSeat
	owed   map[string]bool
	binary *slowPacket // that waits for attachments

	control, nowhere int // packets that mean nothing, CONNECTs to namespaces that there are not
}

type slowSeat struct {
	in       bool
	connects int
}

type slowPacket struct {
	kind        byte
	nsp, id     string
	attachments int
	data        string
	buffers     [][]byte
}

func newSlowSession() *slowSession {
	return &slowSession{seats: map[string]*slowSeat{"/": {in: true}}, owed: map[string]bool{"0": true, "1": true, "2": true}}
}

func (m *slowSession) end(reason session.Reason) {
	m.ended = reason
	m.says = append(m.says, "<close 1005>")
}

// text takes a text message.
func (m *slowSession) text(s string) {
	if !utf8.ValidString(s) {
		m.ended = session.TransportError
		m.says = append(m.says, "<close 1007>")
		return
	}
	m.packet(s)
}

// packet takes an Engine.IO packet.
func (m *slowSession) packet(s string) {
	switch {
	case s == "" || !strings.ContainsRune("b0123456", rune(s[0])):
		m.end(session.ParseError)
	case s[0] == 'b':
		b, err := base64.StdEncoding.Strict().DecodeString(s[1:])
		if err != nil || strings.ContainsAny(s, "\r\n") {
			m.end(session.ParseError)
			return
		}
		m.attachment(b)
	case s[0] == '1':
		m.end(session.TransportClose)
	case s[0] == '2':
		m.end(session.TransportError)
	case s[0] == '4':
		m.message(s[1:])
	default:
		if m.control++; m.control > 10*ControlRateMaxDefault {
			m.ended = session.Flood
			m.says = append(m.says, "<close 1008>")
		}
	}
}

// attachment takes a binary message.
func (m *slowSession) attachment(b []byte) {
	p := m.binary
	if p == nil {
		m.end(session.ForcedClose)
		return
	}
	if p.buffers = append(p.buffers, b); len(p.buffers) == p.attachments {
		m.binary = nil
		m.take(*p)
	}
}

// slowPackets is the form of a packet of Socket.IO v5.
var slowPackets = regexp.MustCompile(`(?s)^([0-6])(?:([0-9]+)-)?(/[^,]*(?:,|$))?([0-9]*)(.*)$`)

// message takes the text of a Socket.IO packet.
func (m *slowSession) message(s string) {
	parts := slowPackets.FindStringSubmatch(s)
	if parts == nil || m.binary != nil {
		m.end(session.ForcedClose)
		return
	}
	p := slowPacket{kind: parts[1][0], nsp: strings.TrimSuffix(parts[3], ","), id: parts[4], data: parts[5]}
	if p.nsp == "" {
		p.nsp = "/"
	}
	if !p.count(parts[2]) || !p.legal() {
		m.end(session.ForcedClose)
		return
	}
	if p.data = strings.Trim(p.data, " \t\r\n"); p.attachments == 0 {
		m.take(p)
		return
	}
	if seat := m.seats[p.nsp]; seat == nil {
		m.end(session.ForcedClose)
		return
	}
	m.binary = &p
}

// count reads the number of attachments.
func (p *slowPacket) count(digits string) bool {
	if p.kind < '5' {
		return digits == ""
	}
	n, err := strconv.Atoi(digits)
	p.attachments = n
	return err == nil && n >= 1 && n <= socketio.AttachmentsMax
}

// legal reports whether the rest makes sense.
func (p *slowPacket) legal() bool {
	if id, err := strconv.ParseUint(p.id, 10, 64); p.id != "" && (err != nil || id > 1<<53-1 || len(p.id) > 16) {
		return false
	}
	if len(p.nsp) > 255 || strings.ContainsFunc(p.nsp, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return false
	}
	if p.data == "" {
		return strings.ContainsRune("013", rune(p.kind))
	}
	v, depth, ok := slowJSON(p.data)
	if !ok || depth > socketio.JSONDepthMax {
		return false
	}
	list, isList := v.([]any)
	_, isObject := v.(slowObject)
	_, isString := v.(string)
	switch p.kind {
	case '0':
		return isObject
	case '1':
		return false
	case '4':
		return isObject || isString
	}
	if !isList || p.kind == '2' && !legalName(list) || p.kind == '5' && !legalName(list) {
		return false
	}
	named := map[int]bool{}
	return p.attachments == 0 || legalPlaceholders(v, p.attachments, named)
}

// legalName reports whether a list begins with the name of an event that a client may emit.
func legalName(list []any) bool {
	if len(list) == 0 {
		return false
	}
	switch name := list[0].(type) {
	case string:
		return !slices.Contains([]string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}, name)
	case json.Number:
		return true
	}
	return false
}

// slowObject is a JSON object with its members in order.
type slowObject []slowMember

type slowMember struct {
	key   string
	value any
}

// slowJSON decodes JSON token by token, and says how deep it is.
func slowJSON(text string) (v any, depth int, ok bool) {
	if !json.Valid([]byte(text)) {
		return nil, 0, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, depth = slowValue(d)
	return v, depth, true
}

func slowValue(d *json.Decoder) (v any, depth int) {
	token, err := d.Token()
	if err != nil {
		panic(err) // it was valid
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, n := slowValue(d)
			list, depth = append(list, v), max(depth, n)
		}
		_, _ = d.Token()
		return list, depth + 1
	case json.Delim('{'):
		object := slowObject{}
		for d.More() {
			key, _ := d.Token()
			v, n := slowValue(d)
			object, depth = append(object, slowMember{key.(string), v}), max(depth, n)
		}
		_, _ = d.Token()
		return object, depth + 1
	}
	return token, 0
}

var slowIndex = regexp.MustCompile(`^[0-9]{1,9}$`)

// placeholder returns the number of the attachment that an object stands for.
func (o slowObject) placeholder() (num int, ok bool) {
	if len(o) != 2 {
		return 0, false
	}
	a, b := o[0], o[1]
	if a.key != "_placeholder" {
		a, b = b, a
	}
	n, isNumber := b.value.(json.Number)
	if a.key != "_placeholder" || a.value != true || b.key != "num" || !isNumber || !slowIndex.MatchString(n.String()) {
		return 0, false
	}
	num, _ = strconv.Atoi(n.String())
	return num, true
}

// legalPlaceholders wants each to name an attachment of its own.
func legalPlaceholders(v any, attachments int, named map[int]bool) bool {
	switch v := v.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(v any) bool { return !legalPlaceholders(v, attachments, named) })
	case slowObject:
		if num, ok := v.placeholder(); ok {
			if num >= attachments || named[num] {
				return false
			}
			named[num] = true
			return true
		}
		return !slices.ContainsFunc(v, func(m slowMember) bool {
			return m.key == "_placeholder" || !legalPlaceholders(m.value, attachments, named)
		})
	}
	return true
}

// take takes a whole packet.
func (m *slowSession) take(p slowPacket) {
	seat := m.seats[p.nsp]
	switch {
	case p.kind == '0':
		m.connect(p, seat)
	case seat == nil:
		m.end(session.ForcedClose)
	case !seat.in: // it was under way when the client left
	case p.kind == '1':
		seat.in, m.left = false, true
	case p.kind == '4':
		m.end(session.ForcedClose)
	case p.kind == '2' || p.kind == '5':
		m.event(p)
	case p.nsp == "/" && m.owed[slowID(p.id)] && p.data != "":
		delete(m.owed, slowID(p.id))
		m.replies = append(m.replies, slowID(p.id)+slowArguments(p, 0))
	}
}

// slowID is an id without zeros in front.
func slowID(digits string) string {
	if id, err := strconv.ParseUint(digits, 10, 64); err == nil {
		return strconv.FormatUint(id, 10)
	}
	return ""
}

func (m *slowSession) connect(p slowPacket, seat *slowSeat) {
	switch {
	case seat != nil && seat.in:
		m.end(session.ForcedClose)
	case seat != nil && seat.connects >= ConnectsPerNamespaceMax:
		m.end(session.ForcedClose)
	case p.nsp != "/" && p.nsp != "/b":
		if m.nowhere++; m.nowhere > NamespacesPerConnMax {
			m.end(session.ForcedClose)
			return
		}
		m.says = append(m.says, "44"+p.nsp+`,{"message":"Invalid namespace"}`)
	case seat == nil:
		m.seats[p.nsp] = &slowSeat{in: true}
		m.says = append(m.says, "40"+prefix(p.nsp)+`{"sid":"<20>"}`)
	default:
		seat.in = true
		seat.connects++
		m.says = append(m.says, "40"+prefix(p.nsp)+`{"sid":"<20>"}`)
	}
	if p.nsp == "/" && !m.seats["/"].in {
		m.owed = nil
	}
}

// event takes an event.
func (m *slowSession) event(p slowPacket) {
	var list []json.RawMessage
	_ = json.Unmarshal([]byte(p.data), &list)
	name := slowName(list[0])
	seen := &m.others
	if name == "e" {
		seen = &m.events
	}
	*seen = append(*seen, fmt.Sprintf("%s %q %s", p.nsp, name, slowArguments(p, 1)))
	if p.id == "" {
		return
	}
	head := "43" + prefix(p.nsp) + slowID(p.id)
	if name == "e" {
		m.says = append(m.says, fmt.Sprintf("%s[%d]", head, len(list)-1))
	} else {
		m.later = append(m.later, head+`["other"]`)
	}
}

// slowName is the name of an event as JavaScript has it.
func slowName(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	f, _ := strconv.ParseFloat(string(raw), 64)
	switch size := math.Abs(f); {
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.Replace(fmt.Sprint(f), "Inf", "Infinity", 1), "+")
	case f == 0:
		return "0"
	case size >= 1e21 || size < 1e-6:
		s = strconv.FormatFloat(f, 'e', -1, 64)
		return strings.Replace(strings.Replace(s, "e-0", "e-", 1), "e+0", "e+", 1)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// slowArguments are the arguments of a packet, those that are attachments as their bytes.
func slowArguments(p slowPacket, from int) string {
	var list []json.RawMessage
	_ = json.Unmarshal([]byte(p.data), &list)
	var out []string
	for _, raw := range list[from:] {
		text := string(raw)
		if v, _, _ := slowJSON(text); p.attachments > 0 {
			if o, ok := v.(slowObject); ok {
				if num, ok := o.placeholder(); ok {
					text = fmt.Sprintf("<bin %x>", p.buffers[num])
				}
			}
		}
		out = append(out, text)
	}
	return fmt.Sprintf("%d attachments %q", p.attachments, out)
}

// quickArguments says of what a handler is given what slowArguments says of the packet.
func quickArguments(a *Arguments) string {
	var out []string
	for i := range a.Len() {
		text := string(a.Raw(i))
		var b []byte
		if v, _, ok := slowJSON(text); ok && a.Attachments() > 0 {
			if o, ok := v.(slowObject); ok {
				if _, ok := o.placeholder(); ok {
					if err := a.Arg(i, &b); err != nil {
						text = err.Error()
					} else {
						text = fmt.Sprintf("<bin %x>", b)
					}
				}
			}
		}
		out = append(out, text)
	}
	return fmt.Sprintf("%d attachments %q", a.Attachments(), out)
}

// input is one thing that a client sends.
type input struct {
	op   wsproto.Opcode
	data []byte
}

// decodeProgram makes messages of bytes: a kind, a length, and so many bytes, over and over.
func decodeProgram(program []byte) (all []input) {
	for len(program) >= 2 {
		kind, n := program[0], min(int(program[1]), len(program)-2)
		data := program[2 : 2+n]
		program = program[2+n:]
		text := func(format string) { all = append(all, input{wsproto.OpText, fmt.Appendf(nil, format, data)}) }
		switch kind % 12 {
		case 0:
			text("%s")
		case 1:
			text("4%s")
		case 2:
			text(`42["e",%s]`)
		case 3:
			text(`4217["e",%s]`)
		case 4:
			text(`42/b,18["f",%s]`)
		case 5:
			text("40%s")
		case 6:
			text("41%s")
		case 7:
			text(`451-["e",{"_placeholder":true,"num":0}%s]`)
		case 8:
			text("43%s")
		case 9:
			text(`452-9["e",{"_placeholder":true,"num":1},{"num":0,"_placeholder":true}%s]`)
		case 10:
			all = append(all, input{wsproto.OpBinary, bytes.Clone(data)})
		default:
			all = append(all, input{wsproto.OpPing, bytes.Clone(data[:min(n, 125)])})
		}
	}
	return all
}
