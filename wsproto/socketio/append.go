package socketio

import (
	"fmt"
	"slices"
	"strconv"
)

// AppendEvent appends the text of an EVENT, or of a BINARY_EVENT if there is a
// []byte among the arguments: itself an argument, or inside of a map[string]any or
// []any at any depth. Such bytes become attachments and are returned as buffers, in
// the order in which their binary messages have to follow the text; they alias the
// caller's values and must not change until they are sent. In values of any other
// type, also behind a pointer or in a named map type, a []byte is the base64 string
// that encoding/json makes of it.
//
// An argument is written as encoding/json writes it, with these differences, all
// towards JSON.stringify: HTML is not escaped, nor are U+2028 and U+2029, and
// negative zero is 0. A nil []byte is null, not an attachment. Strings that are not
// UTF-8 are repaired with U+FFFD. Raw and json.RawMessage are checked and written
// through.
//
// The error is ErrReservedEvent, one of CheckNamespace's, ErrAckID,
// ErrTooManyAttachments beyond AttachmentsMax, ErrPlaceholder if arguments of a
// BINARY_EVENT contain a placeholder that is not of AppendEvent's own making (a
// client could send one to be relayed, and break the connection of each peer that
// receives it), or wraps ErrRaw or ErrEncode. On an error out is dst, unchanged.
func AppendEvent(dst []byte, nsp string, id uint64, hasID bool, event string, args []any) (out []byte, buffers [][]byte, err error) {
	if ReservedEvent(event) {
		return dst, nil, ErrReservedEvent
	}
	return appendList(dst, Event, nsp, id, hasID, &event, args)
}

// AppendAck appends the text of an ACK, or of a BINARY_ACK, that answers the packet
// with the given id. Arguments, buffers and errors are as in AppendEvent.
func AppendAck(dst []byte, nsp string, id uint64, args []any) (out []byte, buffers [][]byte, err error) {
	return appendList(dst, Ack, nsp, id, true, nil, args)
}

// appendList writes the packet as if there were no attachments, in one pass, and
// afterwards makes it a binary one if it found any.
func appendList(dst []byte, t Type, nsp string, id uint64, hasID bool, event *string, args []any) ([]byte, [][]byte, error) {
	if hasID && id > AckIDMax {
		return dst, nil, ErrAckID
	}
	if err := checkWritten(nsp); err != nil {
		return dst, nil, err
	}
	w := writer{dst: appendHeader(dst, t, nsp), attachments: true}
	if hasID {
		w.dst = strconv.AppendUint(w.dst, id, 10)
	}
	payload := len(w.dst)
	if err := w.list(event, args); err != nil {
		return dst, nil, err
	}
	if len(w.buffers) == 0 {
		return w.dst, nil, nil
	}
	if err := checkOwnPlaceholders(w.dst[payload:], len(w.buffers)); err != nil {
		return dst, nil, err
	}
	return announce(w.dst, len(dst), len(w.buffers)), w.buffers, nil
}

// checkOwnPlaceholders wants no more placeholders than were written: one more would
// name an attachment that has its own already, or none.
func checkOwnPlaceholders(data []byte, attachments int) error {
	if attachments > AttachmentsMax {
		return ErrTooManyAttachments
	}
	return checkPlaceholders(data, attachments)
}

// announce turns the EVENT or ACK at out[start:] into its binary form.
func announce(out []byte, start, attachments int) []byte {
	out[start] += byte(BinaryEvent - Event)
	var count [4]byte
	header := append(strconv.AppendInt(count[:0], int64(attachments), 10), '-')
	return slices.Insert(out, start+1, header...)
}

// appendHeader appends the type and the namespace, without which the main one is meant.
func appendHeader(dst []byte, t Type, nsp string) []byte {
	dst = append(dst, '0'+byte(t))
	if len(nsp) > 1 {
		dst = append(dst, nsp...)
		dst = append(dst, ',')
	}
	return dst
}

// checkWritten is CheckNamespace for a name that may be left empty for the main one.
func checkWritten(nsp string) error {
	if nsp == "" {
		return nil
	}
	return CheckNamespace(nsp)
}

// AppendConnect appends the answer to a CONNECT: the socket's id and, when
// connection state recovery is on, its private id; an empty pid is left out. nsp
// must pass CheckNamespace.
func AppendConnect(dst []byte, nsp, sid, pid string) []byte {
	dst = appendHeader(dst, Connect, nsp)
	dst = append(dst, `{"sid":`...)
	dst = appendString(dst, sid)
	if pid != "" {
		dst = append(dst, `,"pid":`...)
		dst = appendString(dst, pid)
	}
	return append(dst, '}')
}

// AppendConnectAuth appends a client's CONNECT with its credentials, which must
// encode to a JSON object; nil is none. On an error out is dst, unchanged.
func AppendConnectAuth(dst []byte, nsp string, auth any) (out []byte, err error) {
	if err := checkWritten(nsp); err != nil {
		return dst, err
	}
	w := writer{dst: appendHeader(dst, Connect, nsp)}
	if auth == nil {
		return w.dst, nil
	}
	payload := len(w.dst)
	if err := w.value(auth); err != nil {
		return dst, err
	}
	if !fits(Connect, w.dst[payload]) {
		return dst, fmt.Errorf("%w: credentials are not an object", ErrEncode)
	}
	return w.dst, nil
}

// AppendConnectError appends the refusal of a CONNECT: the error's message and, if
// data is not nil, what the application has to say about it. Attachments are not
// possible here, so a []byte in data is a base64 string. On an error out is dst,
// unchanged.
func AppendConnectError(dst []byte, nsp, message string, data any) (out []byte, err error) {
	if err := checkWritten(nsp); err != nil {
		return dst, err
	}
	w := writer{dst: appendHeader(dst, ConnectError, nsp)}
	w.dst = append(w.dst, `{"message":`...)
	w.dst = appendString(w.dst, message)
	if data != nil {
		w.dst = append(w.dst, `,"data":`...)
		if err := w.value(data); err != nil {
			return dst, err
		}
	}
	return append(w.dst, '}'), nil
}

// AppendDisconnect appends the packet by which either side leaves a namespace. nsp
// must pass CheckNamespace.
func AppendDisconnect(dst []byte, nsp string) []byte {
	return appendHeader(dst, Disconnect, nsp)
}
