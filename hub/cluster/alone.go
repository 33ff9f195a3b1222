package cluster

// Alone is the adapter of a server that is the only node of its cluster: nobody is there to hear what it publishes.
func Alone() Adapter { return alone{} }

type alone struct{}

var _ Adapter = alone{}

func (alone) Join(Node) error        { return nil }
func (alone) Publish(*Message) error { return nil }
func (alone) Nodes() []NodeID        { return nil }
func (alone) Close() error           { return nil }
