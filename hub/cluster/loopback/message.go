package loopback

import (
	"maps"
	"slices"

	"starling/hub/cluster"
)

// clone copies a message with all that it refers to.
func clone(m *cluster.Message) *cluster.Message {
	c := *m
	c.Target.Rooms = slices.Clone(m.Target.Rooms)
	c.Target.Except = slices.Clone(m.Target.Except)
	c.Rooms = slices.Clone(m.Rooms)
	c.Data = slices.Clone(m.Data)
	c.Attachments = cloneAll(m.Attachments)
	c.Acks = slices.Clone(m.Acks)
	for i := range c.Acks {
		a := &c.Acks[i]
		a.Data, a.Attachments = slices.Clone(a.Data), cloneAll(a.Attachments)
	}
	c.Sockets = slices.Clone(m.Sockets)
	for i := range c.Sockets {
		s := &c.Sockets[i]
		s.Rooms, s.Data, s.Header = slices.Clone(s.Rooms), slices.Clone(s.Data), maps.Clone(s.Header)
		for name, values := range s.Header {
			s.Header[name] = slices.Clone(values)
		}
	}
	return &c
}

func cloneAll[T any](lists [][]T) [][]T {
	copies := slices.Clone(lists)
	for i := range copies {
		copies[i] = slices.Clone(copies[i])
	}
	return copies
}

// messageBytes is what a message has of strings and bytes, and a little for itself.
func messageBytes(m *cluster.Message) int {
	const itself = 256 // its fields, and its place in the queue
	n := itself + len(m.From) + len(m.To) + len(m.Namespace) + len(m.Data)
	n += total(m.Target.Rooms) + total(m.Target.Except) + total(m.Rooms) + total(m.Attachments)
	for i := range m.Acks {
		n += len(m.Acks[i].SocketID) + len(m.Acks[i].Data) + total(m.Acks[i].Attachments)
	}
	for i := range m.Sockets {
		s := &m.Sockets[i]
		n += len(s.ID) + total(s.Rooms) + len(s.Data) + len(s.Address) + len(s.URL) + len(s.Host)
		for name, values := range s.Header {
			n += len(name) + total(values)
		}
	}
	return n
}

// total is what a list of strings, or of bytes, takes.
func total[T ~string | ~[]byte](list []T) int {
	const each = 24 // the header of a slice
	n := each * len(list)
	for _, v := range list {
		n += len(v)
	}
	return n
}
