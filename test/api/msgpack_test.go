package api_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// value is what a packet in MessagePack holds: nil, a bool, a json.Number, a string, []byte, []any, or an object.
type value = any

// object is a map whose keys have an order, as they have on the wire.
type object []member

type member struct {
	key   string
	value value
}

// at is the value of a key, nil if there is none.
func (o object) at(key string) value {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// packJSON appends a JSON text in MessagePack, with attachments in the places of their placeholders.
func packJSON(dst []byte, text string, attachments [][]byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	v, err := readJSON(d)
	if err == nil && d.More() {
		err = errors.New("more than a value")
	}
	if err != nil {
		return dst, err
	}
	return pack(dst, v, attachments)
}

// readJSON reads a value, the keys of whose objects keep their order.
func readJSON(d *json.Decoder) (value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readJSON(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		o := object{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := readJSON(d)
			if err != nil {
				return nil, err
			}
			o = append(o, member{key.(string), v})
		}
		_, err = d.Token()
		return o, err
	}
	return token, nil
}

// pack appends a value in the shortest form (the MessagePack specification, "formats").
func pack(dst []byte, v value, attachments [][]byte) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return append(dst, 0xc0), nil
	case bool:
		if v {
			return append(dst, 0xc3), nil
		}
		return append(dst, 0xc2), nil
	case json.Number:
		return packNumber(dst, v)
	case string:
		return append(packHead(dst, len(v), 0xa0, 32, 0xd9), v...), nil
	case []byte:
		return append(packHead(dst, len(v), 0, 0, 0xc4), v...), nil
	case []any:
		dst = packHead(dst, len(v), 0x90, 16, 0xdc-1)
		for _, e := range v {
			if dst, err = pack(dst, e, attachments); err != nil {
				return dst, err
			}
		}
		return dst, nil
	case object:
		if v.at("_placeholder") == true {
			i, err := strconv.Atoi(fmt.Sprint(v.at("num")))
			if err != nil || i < 0 || i >= len(attachments) {
				return dst, errors.New("a placeholder of no attachment")
			}
			return pack(dst, attachments[i], nil)
		}
		dst = packHead(dst, len(v), 0x80, 16, 0xde-1)
		for _, m := range v {
			dst, _ = pack(dst, m.key, nil)
			if dst, err = pack(dst, m.value, attachments); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	return dst, fmt.Errorf("a value of type %T", v)
}

// packHead appends the head of what has a length: within a byte of the type below a bound, or behind one. The types of 1,
// 2 and 4 bytes of length follow each other; lists and maps have none of 1.
func packHead(dst []byte, n int, short byte, bound int, long byte) []byte {
	hasByte := long != 0xdb && long != 0xdd // lists and maps come as the type before their own
	switch {
	case n < bound:
		return append(dst, short|byte(n))
	case n < 1<<8 && hasByte:
		return append(dst, long, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, long+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, long+2), uint32(n))
}

func packNumber(dst []byte, v json.Number) ([]byte, error) {
	i, err := strconv.ParseInt(v.String(), 10, 64)
	switch {
	case err != nil:
		f, err := v.Float64()
		return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(f)), err
	case i >= 0 && i < 128, i < 0 && i >= -32:
		return append(dst, byte(i)), nil
	case i >= 0 && i < 1<<8:
		return append(dst, 0xcc, byte(i)), nil
	case i >= 0 && i < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(i)), nil
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(i)), nil
}

// unpacker reads MessagePack.
type unpacker struct{ rest []byte }

var errPacked = errors.New("the server's MessagePack makes no sense")

// take takes n bytes off the front.
func (u *unpacker) take(n int) []byte {
	if n < 0 || n > len(u.rest) {
		panic(errPacked)
	}
	b := u.rest[:n]
	u.rest = u.rest[n:]
	return b
}

// number takes an unsigned number of 1, 2, 4 or 8 bytes.
func (u *unpacker) number(size int) (n uint64) {
	for _, b := range u.take(size) {
		n = n<<8 | uint64(b)
	}
	return n
}

// unpack reads all of it, one value.
func unpack(b []byte) (v value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v: %x", r, b)
		}
	}()
	u := &unpacker{b}
	if v = u.value(); len(u.rest) > 0 {
		err = fmt.Errorf("%x behind a packet", u.rest)
	}
	return v, err
}

func (u *unpacker) value() value {
	t := u.take(1)[0]
	integer := func(n int64) value { return json.Number(strconv.FormatInt(n, 10)) }
	switch {
	case t < 0x80:
		return integer(int64(t))
	case t < 0x90:
		return u.object(int(t & 0xf))
	case t < 0xa0:
		return u.list(int(t & 0xf))
	case t < 0xc0:
		return string(u.take(int(t & 0x1f)))
	case t >= 0xe0:
		return integer(int64(int8(t)))
	}
	switch t {
	case 0xc0:
		return nil
	case 0xc2, 0xc3:
		return t == 0xc3
	case 0xc4, 0xc5, 0xc6:
		return u.take(int(u.number(1 << (t - 0xc4))))
	case 0xca:
		return float(float64(math.Float32frombits(uint32(u.number(4)))))
	case 0xcb:
		return float(math.Float64frombits(u.number(8)))
	case 0xcc, 0xcd, 0xce, 0xcf:
		return json.Number(strconv.FormatUint(u.number(1<<(t-0xcc)), 10))
	case 0xd0:
		return integer(int64(int8(u.number(1))))
	case 0xd1:
		return integer(int64(int16(u.number(2))))
	case 0xd2:
		return integer(int64(int32(u.number(4))))
	case 0xd3:
		return integer(int64(u.number(8)))
	case 0xd9, 0xda, 0xdb:
		return string(u.take(int(u.number(1 << (t - 0xd9)))))
	case 0xdc, 0xdd:
		return u.list(int(u.number(2 << (t - 0xdc))))
	case 0xde, 0xdf:
		return u.object(int(u.number(2 << (t - 0xde))))
	}
	panic(errPacked)
}

func float(f float64) value { return json.Number(strconv.FormatFloat(f, 'f', -1, 64)) }

func (u *unpacker) list(n int) value {
	list := []any{}
	for range n {
		list = append(list, u.value())
	}
	return list
}

func (u *unpacker) object(n int) value {
	o := object{}
	for range n {
		key, isString := u.value().(string)
		if !isString {
			panic(errPacked)
		}
		o = append(o, member{key, u.value()})
	}
	return o
}

// writeJSON appends a value as JSON, with placeholders for bytes, which it appends to attachments.
func writeJSON(dst []byte, v value, attachments *[]string) []byte {
	switch v := v.(type) {
	case []byte:
		dst = fmt.Appendf(dst, `{"_placeholder":true,"num":%d}`, len(*attachments))
		*attachments = append(*attachments, "<bin "+hex.EncodeToString(v)+">")
		return dst
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = writeJSON(dst, e, attachments)
		}
		return append(dst, ']')
	case object:
		dst = append(dst, '{')
		for i, m := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = writeJSON(append(writeJSON(dst, m.key, nil), ':'), m.value, attachments)
		}
		return append(dst, '}')
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return append(dst, bytes.TrimSpace(text.Bytes())...)
}
