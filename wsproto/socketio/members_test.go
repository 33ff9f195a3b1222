package socketio

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// members is an object as a list of its members, duplicates included, which is what
// encoding/json's maps cannot show. It is part of the slow twins of the tests.
type members []member

type member struct {
	key   string
	value any // members, []any, json.Number, string, bool or nil
}

func (m members) has(key string) bool {
	for _, member := range m {
		if member.key == key {
			return true
		}
	}
	return false
}

func (m members) values() (values []any) {
	for _, member := range m {
		values = append(values, member.value)
	}
	return values
}

// placeholder reads m as a placeholder.
func (m members) placeholder() (num int, ok bool) {
	if len(m) != 2 || !m.has(placeholderKey) || !m.has(numKey) {
		return 0, false
	}
	marked, value := m[0].value, m[1].value
	if m[0].key == numKey {
		marked, value = value, marked
	}
	number, ok := value.(json.Number)
	if !ok || marked != true {
		return 0, false
	}
	i, err := strconv.ParseUint(string(number), 10, 31)
	return int(i), err == nil
}

type membersDecoder struct {
	*json.Decoder
}

func newMembersDecoder(data []byte) membersDecoder {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return membersDecoder{dec}
}

// value reads one value from the tokens of encoding/json.
func (d membersDecoder) value() (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		return d.array()
	case json.Delim('{'):
		return d.object()
	}
	return token, nil
}

func (d membersDecoder) array() (any, error) {
	array := []any{}
	for d.More() {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	_, err := d.Token()
	return array, err
}

func (d membersDecoder) object() (any, error) {
	object := members{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		object = append(object, member{key.(string), v})
	}
	_, err := d.Token()
	return object, err
}
