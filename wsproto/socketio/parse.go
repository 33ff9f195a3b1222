package socketio

import "bytes"

// Parse reads the text of one packet, without the Engine.IO digit before it. It
// checks everything that the text alone can tell: header, limits, strict JSON, and
// the kind of payload that the type wants. The rules are those of the reference
// with socket.io-parser 4.2.7, plus one: an EVENT without a payload, which it lets
// through with no name, is ErrPayloadMissing. The text must be UTF-8.
//
// Namespace and Data alias text and are valid as long as text is. A packet with
// Attachments is incomplete until they have come; Decoder does the waiting. An ACK
// may have neither id nor payload: it answers nothing, and callers ignore it.
func Parse(text []byte, limits *Limits) (Packet, error) {
	if len(text) == 0 {
		return Packet{}, ErrEmptyPacket
	}
	t := Type(text[0] - '0')
	if t > BinaryAck {
		return Packet{}, unknownType(text[0])
	}
	p := Packet{Type: t, Namespace: rootNamespace}
	rest, err := text[1:], error(nil)
	if t.Binary() {
		if rest, err = p.cutAttachments(rest, limits.attachmentsMax()); err != nil {
			return Packet{}, err
		}
	}
	if rest, err = p.cutNamespace(rest); err != nil {
		return Packet{}, err
	}
	if rest, err = p.cutID(rest); err != nil {
		return Packet{}, err
	}
	if p.Data, err = parsePayload(t, rest); err != nil {
		return Packet{}, err
	}
	return p, nil
}

// cutAttachments reads the count before the dash. It stops counting above the
// limit but reads on to the dash, in linear time: a number without its dash is
// illegal however large it is, as in the reference.
func (p *Packet) cutAttachments(text []byte, attachmentsMax int) (rest []byte, err error) {
	i, n := 0, 0
	for ; i < len(text) && isDigit(text[i]); i++ {
		if n <= attachmentsMax {
			n = n*10 + int(text[i]-'0')
		}
	}
	switch {
	case i == len(text) || text[i] != '-', n < 1: // Socket.IO v5; socket.io-parser 4.2.7 refuses zero
		return nil, ErrAttachments
	case n > attachmentsMax: // CVE-2026-33151
		return nil, ErrTooManyAttachments
	}
	p.Attachments = n
	return text[i+1:], nil
}

// cutNamespace reads the name up to its comma, or to the end when nothing follows
// it. A query string in the name belongs to the name in v5.
func (p *Packet) cutNamespace(text []byte) (rest []byte, err error) {
	if len(text) == 0 || text[0] != '/' {
		return text, nil
	}
	name := text[:min(len(text), NamespaceBytesMax+1)]
	if i := bytes.IndexByte(name, ','); i >= 0 {
		name, rest = name[:i:i], text[i+1:]
	}
	if len(name) > NamespaceBytesMax {
		return nil, ErrNamespaceLength
	}
	for _, c := range name {
		if isControl(c) {
			return nil, ErrNamespaceBytes
		}
	}
	p.Namespace = name
	return rest, nil
}

// cutID reads the ack id. It looks at no more digits than an id can have, so a
// number of a million digits costs as much as one of seventeen (CVE-2020-36049).
func (p *Packet) cutID(text []byte) (rest []byte, err error) {
	i := 0
	for ; i < len(text) && isDigit(text[i]); i++ {
		if i == ackIDDigitsMax {
			return nil, ErrAckID
		}
		p.ID = p.ID*10 + uint64(text[i]-'0')
	}
	if p.ID > AckIDMax {
		return nil, ErrAckID
	}
	p.HasID = i > 0
	return text[i:], nil
}

// parsePayload checks the payload against its type (Socket.IO v5, "Packet
// encoding") and returns it without white space around it. The result aliases text.
func parsePayload(t Type, text []byte) ([]byte, error) {
	if len(text) == 0 {
		if t == Connect || t == Disconnect || t == Ack {
			return nil, nil
		}
		return nil, ErrPayloadMissing
	}
	if t == Disconnect {
		return nil, ErrPayloadKind
	}
	data, _, err := validateJSON(text)
	if err != nil {
		return nil, err
	}
	if !fits(t, data[0]) {
		return nil, ErrPayloadKind
	}
	if t == Event || t == BinaryEvent {
		return data, checkEvent(data)
	}
	return data, nil
}

// fits says whether a payload that begins with c is of the kind that t wants.
func fits(t Type, c byte) bool {
	switch t {
	case Connect:
		return c == '{'
	case ConnectError:
		return c == '{' || c == '"'
	default:
		return c == '['
	}
}

// checkEvent wants an array that begins with a number or with a string that is not
// reserved (CVE-2023-32695). data is valid JSON.
func checkEvent(data []byte) error {
	name, _ := cutElement(arrayBody(data))
	switch {
	case len(name) == 0:
		return ErrPayloadEvent
	case name[0] == '"':
		if reservedName(name[1 : len(name)-1]) {
			return ErrPayloadReserved
		}
		return nil
	case name[0] == '-' || isDigit(name[0]):
		return nil
	}
	return ErrPayloadEvent
}

// reservedName decodes the inside of a JSON string before it compares, because an
// escaped "\u0063onnect" is a connect. A text that is longer than the longest
// reserved name with every character escaped needs no look.
func reservedName(raw []byte) bool {
	const longest = len(`removeListener`) * len(`\u0000`)
	if bytes.IndexByte(raw, '\\') < 0 {
		return ReservedEvent(string(raw))
	}
	if len(raw) > longest {
		return false
	}
	var name [longest]byte
	return ReservedEvent(string(appendUnquoted(name[:0], raw)))
}

func isDigit(c byte) bool {
	return c >= '0' && c <= '9'
}
