package hub

import (
	"reflect"
	"testing"

	"starling/eventloop"
	"starling/hub/internal/session"
)

// look finds a field of a struct of another package that it does not show, by the names on the way there: an audit has to
// see what nobody else needs, and no method is there for it. A name that is no more fails the test.
func look(of any, names ...string) reflect.Value {
	v := reflect.ValueOf(of).Elem()
	for _, name := range names {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v = v.FieldByName(name); !v.IsValid() {
			panic("no such field: " + name)
		}
	}
	return v
}

// peek is look for a field whose type has a name here.
func peek[T any](of any, names ...string) T {
	v := look(of, names...)
	if v.Type() != reflect.TypeFor[T]() {
		panic("field of type " + v.Type().String())
	}
	return *(*T)(v.Addr().UnsafePointer())
}

// owners are the owners of all timers that are set on a loop.
func owners(l *eventloop.Loop) (all []eventloop.Expirer) {
	slots := look(l, "wheel", "slots")
	for i := range slots.Len() {
		slot := (*eventloop.Timer)(slots.Index(i).Addr().UnsafePointer())
		if !slot.Set() {
			panic("a wheel whose slots are no rings")
		}
		for t := peek[*eventloop.Timer](slot, "next"); t != slot; t = peek[*eventloop.Timer](t, "next") {
			all = append(all, peek[eventloop.Expirer](t, "owner"))
		}
	}
	return all
}

// TestPeek holds the looking glass against what can be seen otherwise.
func TestPeek(t *testing.T) {
	s := simulate(t, Options{}, nil)
	before := len(owners(s.sim.Loop()))
	s.join()
	if sessions := peek[[]*session.Session](s.shard().table, "sessions"); len(sessions) != s.shard().table.Len() {
		t.Errorf("%d sessions, want %d", len(sessions), s.shard().table.Len())
	}
	all := owners(s.sim.Loop())
	if len(all) != before+1 || all[0] != eventloop.Expirer(peek[[]*session.Session](s.shard().table, "sessions")[0]) {
		t.Errorf("the timers belong to %v", all)
	}
}
