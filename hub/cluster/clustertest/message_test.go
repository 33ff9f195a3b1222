package clustertest_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"starling/hub/cluster"
	"starling/hub/cluster/clustertest"
)

func kinds() (all []cluster.Kind) {
	for k := cluster.Broadcast; k.String() != "unknown"; k++ {
		all = append(all, k)
	}
	return all
}

// TestFull: what a message of a kind has is set, all of it and nothing twice.
func TestFull(t *testing.T) {
	used := map[string]bool{}
	for _, k := range kinds() {
		m := clustertest.Full(k, "ann", "bob")
		if m.Kind != k || m.From != "ann" || m.To != "bob" || m.Namespace == "" || m.Request == 0 {
			t.Errorf("%s: %+v", k, m)
		}
		seen := map[string]string{}
		v := reflect.ValueOf(*m)
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Field(i).IsZero() {
				continue
			}
			used[name] = true
			leaves(v.Field(i), name, func(path, value string) {
				if value == "" || value == "0" || value == "false" {
					t.Errorf("%s: %s is not set", k, path)
				}
				if value != "true" && seen[value] != "" {
					t.Errorf("%s: %s and %s are both %q", k, path, seen[value], value)
				}
				seen[value] = path
			})
		}
	}
	if fields := reflect.TypeFor[cluster.Message]().NumField(); len(used) != fields {
		t.Errorf("%d of %d fields are used by some kind", len(used), fields)
	}
}

// leaves visits the values in v that have no parts.
func leaves(v reflect.Value, path string, visit func(path, value string)) {
	switch v.Interface().(type) {
	case time.Time, []byte:
		visit(path, fmt.Sprint(v))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			leaves(v.Index(i), fmt.Sprintf("%s[%d]", path, i), visit)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			leaves(key, path+" key", visit)
			leaves(v.MapIndex(key), path+" value", visit)
		}
	default:
		visit(path, fmt.Sprint(v))
	}
}

// TestDiff: a value that is missing shows, wherever it is, and is named.
func TestDiff(t *testing.T) {
	for _, k := range kinds() {
		want := clustertest.Full(k, "ann", "bob")
		if d := clustertest.Diff(want, clustertest.Full(k, "ann", "bob")); d != "" {
			t.Errorf("%s: a difference where there is none: %s", k, d)
		}
		n := 0
		for erase := range erasures(reflect.ValueOf(want).Elem()) {
			got := clustertest.Full(k, "ann", "bob")
			name := erase.from(reflect.ValueOf(got).Elem())
			if d := clustertest.Diff(want, got); !strings.Contains(d, name) {
				t.Errorf("%s without %s: %q", k, name, d)
			}
			n++
		}
		if n < 5 {
			t.Errorf("%s: only %d values", k, n)
		}
	}
}

// erasure is the way to a value: an index for each step, which is a field, an element, or the value of one more map key.
type erasure []int

// from erases the value, and returns the name of the last field on the way.
func (e erasure) from(v reflect.Value) (field string) {
	for i, step := range e {
		switch v.Kind() {
		case reflect.Struct:
			field = v.Type().Field(step).Name
			v = v.Field(step)
		case reflect.Slice:
			v = v.Index(step)
		case reflect.Map:
			key := v.MapKeys()[step]
			if i == len(e)-1 {
				v.SetMapIndex(key, reflect.Value{})
				return field
			}
			v = v.MapIndex(key)
		}
	}
	v.SetZero()
	return field
}

// erasures are the ways to all values that are not zero.
func erasures(v reflect.Value) func(yield func(erasure) bool) {
	return func(yield func(erasure) bool) { walk(v, nil, yield) }
}

func walk(v reflect.Value, way erasure, yield func(erasure) bool) bool {
	if v.IsZero() {
		return true
	}
	if len(way) > 0 && !yield(way[:len(way):len(way)]) {
		return false
	}
	parts := 0
	part := func(i int) reflect.Value { return v.Index(i) }
	switch v.Kind() {
	case reflect.Struct:
		if _, isTime := v.Interface().(time.Time); !isTime {
			parts, part = v.NumField(), v.Field
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			parts = v.Len()
		}
	case reflect.Map:
		keys := v.MapKeys()
		parts, part = len(keys), func(i int) reflect.Value { return v.MapIndex(keys[i]) }
	}
	for i := range parts {
		if !walk(part(i), append(way[:len(way):len(way)], i), yield) {
			return false
		}
	}
	return true
}

// TestDiffForgives what a format on a wire may change.
func TestDiffForgives(t *testing.T) {
	now := time.Now()
	a := &cluster.Message{Rooms: []string{}, Data: nil, Sockets: []cluster.Socket{{Time: now}}}
	b := &cluster.Message{Rooms: nil, Data: []byte{}, Sockets: []cluster.Socket{{Time: now.UTC().Round(0), Header: map[string][]string{}}}}
	if d := clustertest.Diff(a, b); d != "" {
		t.Error(d)
	}
	b.Sockets[0].Time = now.Add(time.Millisecond)
	if clustertest.Diff(a, b) == "" {
		t.Error("another time is no difference")
	}
}
