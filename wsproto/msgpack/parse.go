package msgpack

import "starling/wsproto/socketio"

// Parse reads a message, which is one whole packet, in one pass. The members of the
// packet may come in any order, their numbers and strings in any form, and others among
// them, which are checked like the rest and ignored. The rules are those of the npm
// package's decoder, and those of package socketio on names, ids and nesting.
//
// The packet's Namespace and Data alias message and are valid as long as that is. Data
// is nil for a packet without a payload, for which undefined may stand as well. The
// errors are this package's, one of socketio.CheckNamespace's, socketio.ErrEmptyPacket,
// socketio.ErrUnknownType, socketio.ErrAckID, or of the family of
// socketio.ErrInvalidPayload.
func (Parser) Parse(message []byte, binary bool) (socketio.Packet, error) {
	switch {
	case !binary:
		return socketio.Packet{}, ErrText
	case len(message) == 0:
		return socketio.Packet{}, socketio.ErrEmptyPacket
	}
	var m members
	if err := m.read(message); err != nil {
		return socketio.Packet{}, err
	}
	return m.packet()
}

// members are the members of a packet that have a meaning, nil for what is missing or
// undefined.
type members struct {
	typ, namespace, data, id []byte
}

// read finds the members, and checks all of the message as MessagePack.
func (m *members) read(message []byte) error {
	h, b, err := cutHead(message)
	switch {
	case err != nil:
		return err
	case h.kind != kindMap:
		return ErrPacket
	}
	for seen := 0; h.n > 0; h.n-- {
		key := b
		if b, err = checkKey(b); err != nil {
			return err
		}
		value := b
		if b, err = check(b, DepthMax); err != nil {
			return err
		}
		if err := m.set(key, value[:len(value)-len(b):len(value)-len(b)], &seen); err != nil {
			return err
		}
	}
	if len(b) > 0 {
		return ErrTrailing
	}
	return nil
}

// set keeps a member that has a meaning. JavaScript would take the last of two of one
// name, and other readers the first: whoever sends them wants to be read in two ways.
func (m *members) set(key, value []byte, seen *int) error {
	var member *[]byte
	bit := 0
	h, body, _ := cutHead(key)
	if h.kind != kindString {
		return nil
	}
	switch string(body[:h.n]) {
	case "type":
		member, bit = &m.typ, 1
	case "nsp":
		member, bit = &m.namespace, 2
	case "data":
		member, bit = &m.data, 4
	case "id":
		member, bit = &m.id, 8
	default:
		return nil
	}
	if *seen&bit != 0 {
		return ErrDuplicate
	}
	*seen |= bit
	if !isUndefined(value) { // the npm package's client sends it as the data of a CONNECT without credentials
		*member = value
	}
	return nil
}

// packet makes a packet of the members.
func (m *members) packet() (p socketio.Packet, err error) {
	t, ok := integer(m.typ)
	if !ok || t < int64(socketio.Connect) || t > int64(socketio.ConnectError) { // the binary types are not needed here
		return socketio.Packet{}, socketio.ErrUnknownType
	}
	p.Type = socketio.Type(t)
	if p.Namespace, err = namespace(m.namespace); err != nil {
		return socketio.Packet{}, err
	}
	if m.id != nil {
		id, ok := integer(m.id)
		if !ok || id < 0 || id > socketio.AckIDMax {
			return socketio.Packet{}, socketio.ErrAckID
		}
		p.ID, p.HasID = uint64(id), true
	}
	if err := checkPayload(p.Type, m.data); err != nil {
		return socketio.Packet{}, err
	}
	p.Data = m.data
	return p, nil
}

// integer reads a checked value that is an integer, in any form.
func integer(value []byte) (n int64, ok bool) {
	if value == nil {
		return 0, false
	}
	h, body, _ := cutHead(value)
	if !h.isNumber() {
		return 0, false
	}
	return numberOf(h, body).asInt()
}

// namespace reads a checked value that is the name of a namespace.
func namespace(value []byte) ([]byte, error) {
	if value == nil {
		return nil, ErrNamespace
	}
	h, body, _ := cutHead(value)
	if h.kind != kindString {
		return nil, ErrNamespace
	}
	name := body[:h.n:h.n]
	if len(name) > socketio.NamespaceBytesMax { // before a copy is made of it
		return nil, socketio.ErrNamespaceLength
	}
	return name, socketio.CheckNamespace(string(name))
}

// checkPayload checks a payload against its type (Socket.IO v5, "Packet encoding"; npm
// socket.io-msgpack-parser 3.0.2, isDataValid).
func checkPayload(t socketio.Type, data []byte) error {
	if data == nil {
		if t == socketio.Connect || t == socketio.Disconnect {
			return nil
		}
		return socketio.ErrPayloadMissing
	}
	h, body, _ := cutHead(data)
	switch {
	case !fits(t, h.kind):
		return socketio.ErrPayloadKind
	case t == socketio.Event:
		return checkEvent(h.n, body)
	}
	return nil
}

// reservedBytesMax is the length of the longest reserved name. A name above it is not
// even copied to be compared.
const reservedBytesMax = len("removeListener")

// checkEvent wants the first of n values to be a number or a string that is not
// reserved (CVE-2023-32695).
func checkEvent(n int, values []byte) error {
	if n == 0 {
		return socketio.ErrPayloadEvent
	}
	h, body, _ := cutHead(values)
	switch {
	case h.isNumber():
		return nil
	case h.kind != kindString:
		return socketio.ErrPayloadEvent
	case h.n <= reservedBytesMax && socketio.ReservedEvent(string(body[:h.n])):
		return socketio.ErrPayloadReserved
	}
	return nil
}
