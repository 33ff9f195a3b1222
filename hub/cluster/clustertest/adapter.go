package clustertest

import (
	"bytes"
	"errors"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"

	"starling/hub/cluster"
)

// Adapter holds an adapter to what package cluster promises, with nodes that are no servers.
func Adapter(t *testing.T, factory Factory) {
	for name, test := range map[string]func(*testing.T, Network){
		"all others hear a message":            testAll,
		"one node hears a message":             testOne,
		"before Join and after Close":          testAlone,
		"a node that joins later":              testLater,
		"whole messages":                       testWhole,
		"large messages":                       testLarge,
		"the order of one goroutine":           testOrder,
		"the orders of many goroutines":        testOrders,
		"answers from within Deliver":          testAnswers,
		"a node that closes is lost":           testClose,
		"a node that is cut off is lost":       testCut,
		"a node that falls behind":             testSlow,
		"a node that falls behind and a Close": testSlowClose,
		"nodes come and go":                    testChurn,
	} {
		t.Run(name, func(t *testing.T) { test(t, factory(t)) })
	}
}

func testAll(t *testing.T, n Network) {
	nodes := newNodes(t, n, "ann", "bob", "cid")
	for i, x := range nodes {
		x.publish(x.numbered(i, ""))
	}
	for i, x := range nodes { // what each heard of the others; itself it must not hear
		got := map[cluster.NodeID]uint64{}
		for range 2 {
			m := x.next().message
			got[m.From] = m.Request
		}
		want := map[cluster.NodeID]uint64{"ann": 0, "bob": 1, "cid": 2}
		delete(want, nodes[i].id)
		if !maps.Equal(got, want) {
			t.Errorf("%s hears %v, want %v", x.id, got, want)
		}
	}
	for _, x := range nodes {
		x.silent()
	}
}

func testOne(t *testing.T, n Network) {
	nodes := newNodes(t, n, "ann", "bob", "cid")
	ann, bob, cid := nodes[0], nodes[1], nodes[2]
	ann.publish(ann.numbered(1, bob.id), ann.numbered(2, cid.id), ann.numbered(3, ann.id), ann.numbered(4, "nobody"),
		ann.numbered(5, bob.id), ann.numbered(6, ""))
	bob.expect(ann, 1, 5, 6)
	cid.expect(ann, 2, 6)
	ann.silent()
}

// testAlone: who is not part of the cluster may publish all the same, and nobody hears it.
func testAlone(t *testing.T, n Network) {
	ann, bob := newNode(t, n, "ann"), newNode(t, n, "bob")
	ann.join()
	for _, when := range []string{"before Join", "after Close"} {
		for _, to := range []cluster.NodeID{"", ann.id} {
			bob.publish(bob.numbered(1, to))
		}
		if nodes := bob.adapter.Nodes(); len(nodes) > 0 {
			t.Errorf("%s the other nodes are %q, want none", when, nodes)
		}
		if when == "before Join" {
			bob.join()
			bob.knows("ann")
			bob.publish(bob.numbered(2, ""))
			bob.leave()
		}
	}
	bob.leave() // a second time
	ann.expect(bob, 2)
	ann.expectLost(bob)

	alone := newNode(t, n, "cid")
	alone.leave() // and never was there
}

func testLater(t *testing.T, n Network) {
	ann := newNodes(t, n, "ann")[0]
	ann.publish(ann.numbered(1, ""), ann.numbered(2, "bob"))
	bob := newNode(t, n, "bob")
	bob.join()
	ann.publish(ann.numbered(3, "")) // bob has joined, even if ann should not know that yet
	bob.expect(ann, 3)
	bob.publish(bob.numbered(1, "ann"))
	ann.expect(bob, 1)
	ann.knows("bob")
	bob.knows("ann")
}

// testWhole: nothing of a message is lost or changed on its way.
func testWhole(t *testing.T, n Network) {
	checkFields(t)
	nodes := newNodes(t, n, "ann", "bob")
	ann, bob := nodes[0], nodes[1]
	for _, k := range slices.Sorted(maps.Keys(fieldsOf)) {
		for _, to := range []cluster.NodeID{"", bob.id} {
			for name, want := range map[string]*cluster.Message{
				"full": Full(k, ann.id, to), "empty": {Kind: k, From: ann.id, To: to},
			} {
				ann.publish(want)
				if d := Diff(want, bob.next().message); d != "" {
					t.Errorf("%s %s to %q: %s", name, k, to, d)
				}
			}
		}
	}
}

// checkFields wants each kind of message, and each field, to be part of what is tested.
func checkFields(t *testing.T) {
	t.Helper()
	for k := range 256 {
		k := cluster.Kind(k)
		if _, ok := fieldsOf[k]; ok != (k.String() != "unknown") {
			t.Errorf("fieldsOf has kind %s: %v", k, ok)
		}
	}
	message := reflect.TypeFor[cluster.Message]()
	for i := range message.NumField() {
		name := message.Field(i).Name
		if !slices.ContainsFunc(slices.Collect(maps.Keys(fieldsOf)), func(k cluster.Kind) bool { return mayHave(k, name) }) {
			t.Errorf("fieldsOf has no kind with a field %s", name)
		}
	}
}

// testLarge: messages of a megabyte pass, and keep their place among small ones.
func testLarge(t *testing.T, n Network) {
	nodes := newNodes(t, n, "ann", "bob", "cid")
	ann := nodes[0]
	const size = 1 << 20
	large := bytes.Repeat(allBytes(0), size/256)
	var sent []*cluster.Message
	for i := range 4 {
		m := ann.numbered(i, "")
		switch i {
		case 1:
			m.Data = large
		case 2:
			m.Attachments = [][]byte{large[:size/2], nil, large[:size/4], {0}, large[size/4:]}
		}
		sent = append(sent, m)
		ann.publish(m)
	}
	for _, x := range nodes[1:] {
		for _, want := range sent {
			if d := Diff(want, x.next().message); d != "" {
				t.Errorf("%s: message %d: %s", x.id, want.Request, d)
			}
		}
	}
}

// testOrder: what one goroutine publishes arrives in that order, whomever it is for and whatever its size.
func testOrder(t *testing.T, n Network) {
	nodes := newNodes(t, n, "ann", "bob", "cid")
	ann, bob, cid := nodes[0], nodes[1], nodes[2]
	var forBob, forCid []int
	for i := range 2000 {
		m := ann.numbered(i, "")
		switch i % 5 {
		case 1:
			m.To = bob.id
		case 2:
			m.To = cid.id
		case 3:
			m.Namespace, m.Target.Rooms = "/other", []string{"room"}
		case 4:
			m.Kind, m.Data = cluster.Acks, bytes.Repeat([]byte("x"), i)
		}
		if m.To != cid.id {
			forBob = append(forBob, i)
		}
		if m.To != bob.id {
			forCid = append(forCid, i)
		}
		ann.publish(m)
	}
	bob.expect(ann, forBob...)
	cid.expect(ann, forCid...)
}

// testOrders: the same when many goroutines publish at once, on all nodes.
func testOrders(t *testing.T, n Network) {
	const goroutines, messages = 4, 250
	nodes := newNodes(t, n, "ann", "bob", "cid")
	var publishers sync.WaitGroup
	for _, x := range nodes {
		for g := range goroutines {
			publishers.Go(func() {
				for i := range messages {
					m := x.numbered(i, "")
					m.Asked = g
					x.publish(m)
				}
			})
		}
	}
	for _, x := range nodes {
		type publisher struct {
			node      cluster.NodeID
			goroutine int
		}
		heard := map[publisher]uint64{}
		for range (len(nodes) - 1) * goroutines * messages {
			m := x.next().message
			p := publisher{m.From, m.Asked}
			if m.Request != heard[p] {
				t.Fatalf("%s hears number %d of goroutine %d of %s, want %d", x.id, m.Request, p.goroutine, p.node, heard[p])
			}
			heard[p]++
		}
	}
	publishers.Wait()
}

// testAnswers: a node that is being delivered a message publishes its answers, and asks who is there.
func testAnswers(t *testing.T, n Network) {
	const questions = 200
	nodes := newNodes(t, n, "ann", "bob", "cid")
	ann := nodes[0]
	for _, x := range nodes[1:] {
		x.answer = func(m *cluster.Message) {
			if len(x.adapter.Nodes()) != 2 {
				t.Errorf("%s knows %q", x.id, x.adapter.Nodes())
			}
			for part := range 2 {
				x.publish(&cluster.Message{Kind: cluster.Acks, From: x.id, To: m.From, Request: m.Request, Last: part == 1})
			}
		}
	}
	for i := range questions {
		ann.publish(ann.numbered(i, ""))
	}
	answers := map[cluster.NodeID]int{}
	for range 4 * questions {
		m := ann.next().message
		number := answers[m.From]
		answers[m.From]++
		if m.Request != uint64(number/2) || m.Last != (number%2 == 1) {
			t.Fatalf("%s has answered %d %v, want %d %v", m.From, m.Request, m.Last, number/2, number%2 == 1)
		}
	}
}

// testClose: a node that closes is lost when everybody has heard what it had to say.
func testClose(t *testing.T, n Network) {
	const messages = 500
	nodes := newNodes(t, n, "ann", "bob", "cid")
	ann, bob, cid := nodes[0], nodes[1], nodes[2]
	var numbers []int
	for i := range messages {
		numbers = append(numbers, i)
		bob.publish(bob.numbered(i, ""))
	}
	bob.leave()
	for _, x := range []*node{ann, cid} {
		x.expect(bob, numbers...)
		x.expectLost(bob)
	}
	ann.knows("cid")
	ann.publish(ann.numbered(1, ""), ann.numbered(2, "bob"), ann.numbered(3, "cid"))
	cid.expect(ann, 1, 3)
	cid.leave()
	ann.expectLost(cid)
	ann.knows()
	bob.silent()
}

// testCut: a node that vanishes is lost to the others, and they are to it.
func testCut(t *testing.T, n Network) {
	cutter := faulty[Cutter](t, n)
	nodes := newNodes(t, n, "ann", "bob", "cid")
	ann, bob, cid := nodes[0], nodes[1], nodes[2]
	bob.publish(bob.numbered(1, ""))
	ann.expect(bob, 1)
	cid.expect(bob, 1)
	cutter.Cut(bob.id)
	ann.expectLost(bob)
	cid.expectLost(bob)
	bob.expectLost(ann, cid)
	bob.knows()
	ann.knows("cid")
	cid.knows("ann")
	bob.publish(bob.numbered(2, ""), bob.numbered(3, ann.id))
	ann.publish(ann.numbered(2, ""), ann.numbered(3, bob.id))
	cid.expect(ann, 2)

	dan := newNode(t, n, "dan") // comes later, and does not hear of it at all
	dan.join()
	dan.knows("ann", "cid")
	bob.leave()
	ann.leave()
	dan.expectLost(ann)
	cid.expectLost(ann)
	bob.silent()
}

// backlogMax is more than any adapter may keep for a node that does not keep up, in messages of 16 KiB.
const backlogMax = 1 << 14

// testSlow: nobody waits for a node that falls behind, and it misses what its queue had no room for, and nothing else.
func testSlow(t *testing.T, n Network) {
	pauser := faulty[Pauser](t, n)
	nodes := newNodes(t, n, "ann", "bob", "cid")
	ann, bob, cid := nodes[0], nodes[1], nodes[2]
	pauser.Pause(bob.id)
	var numbers []int
	var err error
	for i := 0; err == nil && i < backlogMax; i++ {
		m := ann.numbered(i, "")
		m.Data = bytes.Repeat([]byte("x"), 16<<10)
		if err = ann.tries(m); err == nil {
			numbers = append(numbers, i)
		}
		cid.expect(ann, i) // even that which bob does not get
	}
	if !errors.Is(err, cluster.ErrBacklog) {
		t.Fatalf("after %d messages Publish returns %v, want ErrBacklog", len(numbers), err)
	}
	if err := ann.tries(ann.numbered(0, bob.id)); err != nil && !errors.Is(err, cluster.ErrBacklog) {
		t.Errorf("Publish to the one that is behind returns %v", err)
	} else if err == nil { // a small one has found room
		numbers = append(numbers, 0)
	}
	ann.publish(ann.numbered(1, cid.id)) // nothing is in the way of this one
	cid.expect(ann, 1)
	cid.publish(cid.numbered(1, ""))
	ann.expect(cid, 1)

	pauser.Resume(bob.id)
	bob.expectBeside(ann, cid, numbers...)
	ann.publish(ann.numbered(2, ""))
	bob.expect(ann, 2)
	cid.expect(ann, 2)
}

// expectBeside is expect while another node has one message of its own to say.
func (x *node) expectBeside(from, other *node, numbers ...int) {
	x.t.Helper()
	others := 0
	for len(numbers) > 0 || others == 0 {
		h := x.next()
		switch {
		case h.message != nil && h.message.From == other.id && others == 0:
			others++
		case h.message != nil && h.message.From == from.id && len(numbers) > 0 && h.message.Request == uint64(numbers[0]):
			numbers = numbers[1:]
		default:
			x.t.Fatalf("%s hears %s; still to come are %d messages of %s and %d of %s", x.id, h, len(numbers), from.id, 1-others, other.id)
		}
	}
}

// testSlowClose: what a node has published reaches also those who are behind when it closes.
func testSlowClose(t *testing.T, n Network) {
	pauser := faulty[Pauser](t, n)
	nodes := newNodes(t, n, "ann", "bob", "cid")
	ann, bob, cid := nodes[0], nodes[1], nodes[2]
	pauser.Pause(bob.id)
	var numbers []int
	for i := range 100 {
		numbers = append(numbers, i)
		ann.publish(ann.numbered(i, ""))
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		ann.leave()
	}()
	cid.expect(ann, numbers...) // whether Close waits for bob or not
	pauser.Resume(bob.id)
	bob.expect(ann, numbers...)
	bob.expectLost(ann)
	cid.expectLost(ann)
	<-closed

	pauser.Pause(bob.id) // one that is behind may itself close
	cid.publish(cid.numbered(1, ""))
	bob.leave()
	cid.expectLost(bob)
	bob.silent()
}

// testChurn: nodes come and go while others publish. What the nodes must not hear, they complain about by themselves.
func testChurn(t *testing.T, n Network) {
	const rounds, messages = 20, 10
	nodes := newNodes(t, n, "ann", "bob")
	var guests sync.WaitGroup
	for _, name := range []string{"cid", "dan", "eve"} {
		guests.Go(func() {
			for round := range rounds {
				guest := newNode(t, n, name+string(rune('a'+round)))
				guest.join()
				for i := range messages {
					guest.publish(guest.numbered(i, ""))
					for _, x := range nodes {
						guest.publish(guest.numbered(messages+i, x.id))
					}
				}
				guest.leave()
			}
		})
	}
	for i := range rounds * messages {
		for _, x := range nodes {
			x.publish(x.numbered(i, ""))
		}
	}
	for i, x := range nodes {
		x.hearGuests(nodes[1-i], 3*rounds, 2*messages, rounds*messages)
	}
	guests.Wait()
	nodes[0].knows("bob")
	nodes[1].knows("ann")
}

// hearGuests hears so many messages of each of so many guests, and then its loss; and meanwhile so many of the other host.
func (x *node) hearGuests(host *node, guests, messages, hosts int) {
	x.t.Helper()
	heard := map[cluster.NodeID]int{}
	for lost := 0; lost < guests || heard[host.id] < hosts; {
		h := x.next()
		if h.message != nil {
			heard[h.message.From]++
			continue
		}
		if lost++; heard[h.lost] != messages {
			x.t.Errorf("%s has heard %d messages of %s, want %d", x.id, heard[h.lost], h.lost, messages)
		}
	}
}
