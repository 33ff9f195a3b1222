package loopback

import (
	"reflect"
	"testing"
	"time"

	"starling/hub/cluster"
	"starling/hub/cluster/clustertest"
	"starling/internal/invariants"
)

// everything is a message with a value in each field, whatever its kind.
func everything() *cluster.Message {
	all := &cluster.Message{}
	for k := cluster.Broadcast; k.String() != "unknown"; k++ {
		m := reflect.ValueOf(clustertest.Full(k, "ann", "bob")).Elem()
		for i := range m.NumField() {
			if !m.Field(i).IsZero() {
				reflect.ValueOf(all).Elem().Field(i).Set(m.Field(i))
			}
		}
	}
	return all
}

// TestMessageBytes: each text of a message counts.
func TestMessageBytes(t *testing.T) {
	for name, m := range map[string]*cluster.Message{"empty": {}, "full": everything()} {
		if got, want := messageBytes(m), 256+slowBytes(reflect.ValueOf(*m)); got != want {
			t.Errorf("%s: %d bytes, want %d", name, got, want)
		}
	}
}

// slowBytes counts the texts in v, and for those in lists what a list keeps for each.
func slowBytes(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Struct:
		if _, isTime := v.Interface().(time.Time); isTime {
			return 0
		}
		for i := range v.NumField() {
			n += slowBytes(v.Field(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Len()
		}
		for i := range v.Len() {
			n += slowBytes(v.Index(i))
			if v.Index(i).Kind() != reflect.Struct {
				n += 24
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			n += slowBytes(key) + slowBytes(v.MapIndex(key))
		}
	}
	return n
}

// TestClone: a copy is the same, and shares nothing that could change.
func TestClone(t *testing.T) {
	m, pristine := everything(), everything()
	c := clone(m)
	if d := clustertest.Diff(m, c); d != "" {
		t.Errorf("the copy differs: %s", d)
	}
	scribble(reflect.ValueOf(c).Elem())
	if d := clustertest.Diff(pristine, m); d != "" {
		t.Errorf("changing the copy has changed what was copied: %s", d)
	}
	for name, m := range map[string]*cluster.Message{
		"nil lists":   {},
		"empty lists": {Rooms: []string{}, Data: []byte{}, Attachments: [][]byte{nil, {}}, Acks: []cluster.Ack{{}}, Sockets: []cluster.Socket{{}}},
	} {
		if c := clone(m); !reflect.DeepEqual(m, c) {
			t.Errorf("%s: the copy of %#v is %#v", name, m, c)
		}
	}
}

// scribble changes all that v refers to.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if _, isTime := v.Interface().(time.Time); isTime {
			return
		}
		for i := range v.NumField() {
			scribble(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			scribble(v.MapIndex(key)) // its elements are those of the map's value
		}
		v.Clear()
	case reflect.String:
		v.SetString("scribble")
	case reflect.Uint8:
		v.SetUint(^v.Uint() & 0xff)
	}
}

// witness is a node that does something with what it is delivered.
type witness func(m *cluster.Message)

func (witness) ID() cluster.NodeID           { return "bob" }
func (w witness) Deliver(m *cluster.Message) { w(m) }
func (witness) Lost(cluster.NodeID)          {}

// TestCopies: with the option, each node has a message of its own.
func TestCopies(t *testing.T) {
	for _, copies := range []bool{true, false} {
		n := New(Options{Copy: copies})
		m := everything()
		delivered := 0
		for range 2 {
			n.pack(m).deliver(witness(func(got *cluster.Message) {
				delivered++
				if shared := got == m; shared == n.opts.Copy {
					t.Errorf("with Copy %v the message is shared: %v", n.opts.Copy, shared)
				}
				if d := clustertest.Diff(m, got); d != "" {
					t.Error(d)
				}
			}))
		}
		if delivered != 2 {
			t.Errorf("%d messages were delivered", delivered)
		}
	}
	if n := New(Options{}); n.opts.Copy != invariants.Enabled {
		t.Errorf("a network copies: %v, want %v", n.opts.Copy, invariants.Enabled)
	}
}

// TestChanges: builds with invariants find who changes a message.
func TestChanges(t *testing.T) {
	for name, row := range map[string]struct {
		afterPublish  func(m *cluster.Message)
		insideDeliver func(m *cluster.Message)
	}{
		"its publisher": {func(m *cluster.Message) { m.Data[0]++ }, func(*cluster.Message) {}},
		"who gets it":   {func(*cluster.Message) {}, func(m *cluster.Message) { m.Target.Rooms[0] = "another" }},
	} {
		t.Run(name, func(t *testing.T) {
			n := New(Options{})
			m := everything()
			p := n.pack(m)
			row.afterPublish(m)
			defer func() {
				if r := recover(); (r != nil) != invariants.Enabled {
					t.Errorf("recovered %v", r)
				}
			}()
			p.deliver(witness(row.insideDeliver))
		})
	}
}
