package socketio

import "bytes"

// AppendOffset adds an offset, which needs no escaping, as the last argument to the text of an EVENT or BINARY_EVENT that
// AppendEvent or AppendPacket has written at the end of packet. That is where clients look for it (connection state
// recovery, Socket.IO 4.6).
func AppendOffset(packet []byte, offset string) []byte {
	packet = append(packet[:len(packet)-1], `,"`...)
	packet = append(packet, offset...)
	return append(packet, `"]`...)
}

// DataOf returns the payload in the text of a packet that AppendEvent or AppendAck has written, aliasing it: what the
// header of another packet may be put in front of.
func DataOf(packet []byte) []byte {
	rest := packet[1:]
	if Type(packet[0] - '0').Binary() {
		_, rest, _ = bytes.Cut(rest, []byte{'-'})
	}
	if rest[0] == '/' {
		_, rest, _ = bytes.Cut(rest, []byte{','})
	}
	return bytes.TrimLeft(rest, "0123456789")
}

// AppendJSON appends a value as JSON, as AppendEvent writes an argument; a []byte is a base64 string. On an error, which
// wraps ErrRaw or ErrEncode, out is dst, unchanged.
func AppendJSON(dst []byte, v any) (out []byte, err error) {
	w := writer{dst: dst}
	if err := w.value(v); err != nil {
		return dst, err
	}
	return w.dst, nil
}
