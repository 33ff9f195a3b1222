package loopback

import (
	"reflect"

	"starling/hub/cluster"
	"starling/internal/invariants"
)

// parcel is a message on its way, to one node or to several. It never changes.
type parcel struct {
	message *cluster.Message
	master  *cluster.Message // a copy of what was published, to make others of; nil if the message is shared
	bytes   int
}

// pack makes a parcel of a message.
func (n *Network) pack(m *cluster.Message) *parcel {
	p := &parcel{message: m, bytes: messageBytes(m)}
	if n.opts.Copy {
		p.master = clone(m)
	}
	return p
}

// deliver hands the message over.
func (p *parcel) deliver(to cluster.Node) {
	if p.master == nil {
		to.Deliver(p.message)
		return
	}
	m := clone(p.master)
	if invariants.Enabled {
		p.mustBeUnchanged(p.message, "published")
	}
	to.Deliver(m)
	if invariants.Enabled {
		p.mustBeUnchanged(m, "delivered")
	}
}

// mustBeUnchanged sees who still uses a buffer that he has given away, or changes what he was given.
func (p *parcel) mustBeUnchanged(m *cluster.Message, since string) {
	invariants.Assert(reflect.DeepEqual(m, p.master), "a message has changed since it was %s: it is %+v and was %+v", since, m, p.master)
}
