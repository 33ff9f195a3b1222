package clustertest

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"starling/hub/cluster"
)

// fieldsOf are the fields that a message of each kind may have, beside those that all have.
var fieldsOf = map[cluster.Kind][]string{
	cluster.Broadcast:   {"Target", "Volatile", "NoCompression", "Timeout", "Data", "Attachments"},
	cluster.Join:        {"Target", "Rooms"},
	cluster.Leave:       {"Target", "Rooms"},
	cluster.Disconnect:  {"Target", "Close"},
	cluster.Fetch:       {"Target"},
	cluster.ServerEmit:  {"Data", "Attachments"},
	cluster.Cancel:      nil,
	cluster.Acks:        {"Asked", "Acks", "Last"},
	cluster.Sockets:     {"Sockets", "Last"},
	cluster.ServerReply: {"Data", "Attachments", "Last"},
}

var fieldsOfAll = []string{"Kind", "From", "To", "Namespace", "Request"}

// mayHave reports whether a kind of message may have a field.
func mayHave(k cluster.Kind, field string) bool {
	return slices.Contains(fieldsOfAll, field) || slices.Contains(fieldsOf[k], field)
}

// Full returns a message of a kind from one node to another, with a value in each field that the kind may have, and no
// value twice: what gets lost or is mistaken for something else shows in [Diff]. Texts are not UTF-8, and bytes are not
// text.
func Full(k cluster.Kind, from, to cluster.NodeID) *cluster.Message {
	m := &cluster.Message{}
	n := 0
	for i, v := 0, reflect.ValueOf(m).Elem(); i < v.NumField(); i++ {
		if name := v.Type().Field(i).Name; mayHave(k, name) {
			fill(v.Field(i), name, &n)
		}
	}
	m.Kind, m.From, m.To = k, from, to
	return m
}

// fill gives a value to all that is in v. n counts the values.
func fill(v reflect.Value, name string, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMilli(1_700_000_000_000 + int64(*n)).UTC()))
		return
	case time.Duration:
		v.SetInt(int64(time.Duration(*n) * time.Millisecond))
		return
	case []byte:
		v.SetBytes(allBytes(*n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("%s %d \"\u00e9\u4e16\U0001f30d\x00\xff", name, *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n))
	case reflect.Uint64:
		v.SetUint(math.MaxUint64 - uint64(*n)) // more than the integers that a float64 counts
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), v.Type().Field(i).Name, n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			fill(v.Index(i), name, n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, name, n)
			fill(value, name, n)
			v.SetMapIndex(key, value)
		}
	default:
		panic(fmt.Sprintf("clustertest: no value for field %s of type %s", name, v.Type()))
	}
}

// allBytes are all values of a byte, beginning with one of them.
func allBytes(first int) []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(first + i)
	}
	return b
}

// Diff says where two messages differ first, "" for nowhere. An empty list is the same as none, and a time is the same in
// every zone.
func Diff(want, got *cluster.Message) string {
	return diff(reflect.ValueOf(*want), reflect.ValueOf(*got), "message")
}

func diff(want, got reflect.Value, where string) string {
	switch w := want.Interface().(type) {
	case time.Time:
		if g := got.Interface().(time.Time); !w.Equal(g) {
			return fmt.Sprintf("%s is %v, want %v", where, g, w)
		}
		return ""
	case []byte:
		if g := got.Bytes(); !bytes.Equal(w, g) {
			return fmt.Sprintf("%s is %d bytes %.40x, want %d bytes %.40x", where, len(g), g, len(w), w)
		}
		return ""
	}
	switch want.Kind() {
	case reflect.Struct:
		for i := range want.NumField() {
			if d := diff(want.Field(i), got.Field(i), where+"."+want.Type().Field(i).Name); d != "" {
				return d
			}
		}
		return ""
	case reflect.Slice:
		return diffLists(want, got, where)
	case reflect.Map:
		return diffMaps(want, got, where)
	}
	if !want.Equal(got) {
		return fmt.Sprintf("%s is %#v, want %#v", where, got, want)
	}
	return ""
}

func diffLists(want, got reflect.Value, where string) string {
	if want.Len() != got.Len() {
		return fmt.Sprintf("%s has %d elements, want %d", where, got.Len(), want.Len())
	}
	for i := range want.Len() {
		if d := diff(want.Index(i), got.Index(i), fmt.Sprintf("%s[%d]", where, i)); d != "" {
			return d
		}
	}
	return ""
}

func diffMaps(want, got reflect.Value, where string) string {
	if want.Len() != got.Len() {
		return fmt.Sprintf("%s has %d keys, want %d", where, got.Len(), want.Len())
	}
	for _, key := range want.MapKeys() {
		value := got.MapIndex(key)
		if !value.IsValid() {
			return fmt.Sprintf("%s has no %q", where, key)
		}
		if d := diff(want.MapIndex(key), value, fmt.Sprintf("%s[%q]", where, key)); d != "" {
			return d
		}
	}
	return ""
}
