package api_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// packed is a link to a server whose packets are MessagePack: it translates, so that the packets of a conversation are the
// same literals as with the standard format.
type packed struct {
	link
	head        string // a packet whose attachments are not all there
	attachments [][]byte
	missing     int
	got         []string
}

// packing makes a kind one that talks to servers with msgpack.Parser.
func packing(k kind) kind {
	open := k.open
	k.name, k.packed = k.name+", msgpack", true
	k.open = func(addr, query string, headers ...string) (link, string, error) {
		l, data, err := open(addr, query, headers...)
		if err != nil {
			return l, data, err
		}
		return &packed{link: l}, data, nil
	}
	return k
}

// textPacket takes a packet in the standard format apart: type, number of attachments, namespace, id, payload.
var textPacket = regexp.MustCompile(`^4([0-6])(?:(\d+)-)?(?:(/[^,{\[]*),?)?(\d*)((?s).*)$`)

func (l *packed) write(packets ...string) error {
	var out []string
	for _, packet := range packets {
		content, isBinary := binaryOf(packet)
		switch {
		case isBinary && l.missing > 0:
			l.attachments = append(l.attachments, content)
			if l.missing--; l.missing > 0 {
				continue
			}
			packet = packedPacket(l.head, l.attachments)
			l.attachments = nil
		case !isBinary:
			if m := textPacket.FindStringSubmatch(packet); m != nil && m[2] != "" {
				l.missing, _ = strconv.Atoi(m[2])
				l.head = packet
				continue
			}
			packet = packedPacket(packet, nil)
		}
		out = append(out, packet)
	}
	if len(out) == 0 {
		return nil
	}
	return l.link.write(out...)
}

// packedPacket is a packet as it goes; what is no packet goes as it is.
func packedPacket(packet string, attachments [][]byte) string {
	m := textPacket.FindStringSubmatch(packet)
	if m == nil {
		return packet
	}
	kind, nsp, id, payload := m[1], m[3], m[4], m[5]
	kind = strings.NewReplacer("5", "2", "6", "3").Replace(kind)
	text := `{"type":` + kind + `,"nsp":"` + orSlash(nsp) + `"`
	if payload != "" {
		text += `,"data":` + payload
	}
	if id != "" {
		text += `,"id":` + id
	}
	b, err := packJSON(nil, text+"}", attachments)
	if err != nil {
		return packet
	}
	return "<bin " + hex.EncodeToString(b) + ">"
}

func orSlash(nsp string) string {
	if nsp == "" {
		return "/"
	}
	return nsp
}

func (l *packed) read() (string, error) {
	for len(l.got) == 0 {
		packet, err := l.link.read()
		if err != nil {
			return "", err
		}
		content, isBinary := binaryOf(packet)
		if !isBinary {
			return packet, nil
		}
		if l.got, err = unpackedPacket(content); err != nil {
			return "", err
		}
	}
	packet := l.got[0]
	l.got = l.got[1:]
	return packet, nil
}

// unpackedPacket is a packet of the server's in the standard format, with its attachments.
func unpackedPacket(content []byte) ([]string, error) {
	v, err := unpack(content)
	if err != nil {
		return nil, err
	}
	p, _ := v.(object)
	kind, _ := p.at("type").(json.Number)
	nsp, _ := p.at("nsp").(string)
	if kind == "" || nsp == "" || kind > "4" {
		return nil, fmt.Errorf("the server sent the packet %v", v)
	}
	var attachments []string
	var payload, id string
	for _, m := range p {
		switch m.key {
		case "type", "nsp":
		case "data":
			payload = string(writeJSON(nil, m.value, &attachments))
		case "id":
			id = fmt.Sprint(m.value)
		default:
			return nil, fmt.Errorf("the server sent a packet with %q", m.key)
		}
	}
	head := "4" + kind.String()
	if n := len(attachments); n > 0 {
		head = "4" + strings.NewReplacer("2", "5", "3", "6").Replace(kind.String()) + strconv.Itoa(n) + "-"
	}
	return append([]string{head + inside(nsp) + id + payload}, attachments...), nil
}
