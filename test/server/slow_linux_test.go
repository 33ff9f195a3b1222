package server_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// requestTime is how long the server waits for a request head, and for a short body.
const requestTime = 10 * time.Second

// TestSlowClients has clients say nothing, or a byte of a head or of a body now and then. None gets more than its time,
// however it spends that, and meanwhile others come and go as always. It is the one test that waits for such a time to
// pass: the rest of them pass in no time where the clock is a model.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const each = 100
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4"))
	o := newOnlookers(t, s.Addr)
	before := descriptors(t, s)
	var all []*dawdler
	for range each {
		p := starlingtest.NewPoller(s.Addr)
		if err := p.Handshake(); err != nil {
			t.Fatal(err)
		}
		p.Close()
		all = append(all,
			newDawdler(t, s, "", "", 0),
			newDawdler(t, s, "G", "ET "+pollTarget+strings.Repeat("x", 4000), 408),
			newDawdler(t, s, starlingtest.PostHead(p.Target(), 4000), strings.Repeat("4", 4000), 408),
		)
	}
	var waiting sync.WaitGroup
	ended := make(chan struct{})
	o.during(t, func() {
		for _, d := range all {
			waiting.Go(d.wait)
		}
		go func() { waiting.Wait(); close(ended) }()
		for over := false; !over; {
			for _, d := range all {
				d.dribble()
			}
			comeAndGo(t, s.Addr)
			select {
			case <-ended:
				over = true
			case <-time.After(100 * time.Millisecond): // the clients' own pace
			}
		}
	})
	var took []time.Duration
	for i, d := range all {
		if d.err != nil {
			t.Errorf("client %d, which was to be answered with %d: %v", i, d.status, d.err)
		}
		took = append(took, d.took)
		d.conn.Close()
	}
	slices.Sort(took)
	if half := took[len(took)/2]; half < requestTime-time.Second {
		t.Errorf("half of the clients had no more than %v", half)
	}
	eventually(t, fmt.Sprintf("the server has its %d descriptors again", before), func() bool { return descriptors(t, s) == before })
	s.Stop(t)
	wantNoErrors(t, s)
}

// comeAndGo is a client that means well.
func comeAndGo(t *testing.T, addr string) {
	t.Helper()
	c, err := join(addr)
	if err == nil {
		err = errors.Join(c.echo(), c.leave())
	}
	if err != nil {
		t.Errorf("a client that comes meanwhile: %v", err)
	}
}

// dawdler is a client that takes its time.
type dawdler struct {
	conn   *starlingtest.Conn
	since  time.Time
	rest   string // what it would like to send yet
	status int    // of the answer that it is to have, 0 for none
	took   time.Duration
	err    error
}

func newDawdler(t *testing.T, s *starlingtest.Server, first, rest string, status int) *dawdler {
	t.Helper()
	since := time.Now()
	return &dawdler{conn: dial(t, s, first), since: since, rest: rest, status: status}
}

// dribble sends the next byte, if anybody still takes it.
func (d *dawdler) dribble() {
	if len(d.rest) > 0 {
		_, _ = io.WriteString(d.conn, d.rest[:1])
		d.rest = d.rest[1:]
	}
}

// wait waits for the end, which must not come early. Where the machine is busy a loop's idea of the time may lag behind when
// a client comes, so a few may have less than others.
func (d *dawdler) wait() {
	if d.status == 0 {
		d.err = d.conn.Ends()
	} else if r, err := d.conn.LastResponse(); err != nil || r.Status != d.status {
		d.err = fmt.Errorf("answered with %d, %w", r.Status, err)
	}
	if d.took = time.Since(d.since); d.err == nil && d.took < requestTime/2 {
		d.err = fmt.Errorf("the server has waited for %v only", d.took)
	}
}
