package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"starling/bench/internal/report"
)

// untilDeliveries are two rooms of four, of which two come and go.
var untilDeliveries = []string{
	"soak", "--deliveries", "2000", "--rooms", "2", "--members", "4", "--churn-rate", "40", "--churn-share", "0.5", "--reconnect-share", "0.5",
	"--depth", "4", "--timeout", "2s", "--concurrency", "1", "--quiet",
}

func TestSoakUntilDeliveries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		more []string
	}{
		{"one loop", nil},
		{"processes", []string{"--procs", "2"}},
		{"threads", []string{"--threads", "2"}},
		{"nobody leaves", []string{"--churn-rate", "0"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			args := append(slices.Clone(untilDeliveries), tc.more...)
			r := runOne(t, append(args, "--url", newFake(t, nil).URL)...)
			if !r.OK() || r.Delivered < 2000 || r.Depth != 4 || r.Invalid != "" || r.Messages < 2000/8 || r.Open != nil || r.Delivery == nil {
				t.Errorf("%+v", r)
			}
			if churns := r.Churn != nil; churns != (tc.name != "nobody leaves") || churns && r.Churned == 0 {
				t.Errorf("%+v", r.Churn)
			}
		})
	}
}

// Each fault that befalls a delivery to somebody who stays is counted, whatever goes on beside it, and is the end of the run in its exit
// status.
func TestSoakUntilDeliveriesFindsFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault func(*fake)
		check func(*report.Report) bool
		text  string
	}{
		{"drop", at(30, "room", lose), func(r *report.Report) bool {
			return r.Lost == 1 && r.Duplicated+r.Reordered+r.Misrouted+r.Garbled == 0 && strings.HasSuffix(r.Stalled, "have not reached every member")
		}, "lost 1"},
		{"double", at(30, "room", twice), func(r *report.Report) bool {
			return r.Duplicated == 1 && r.Lost+r.Reordered+r.Misrouted+r.Garbled == 0 && r.Delivered >= 2000
		}, "duplicated 1"},
		{"swap", at(30, "room", later), func(r *report.Report) bool {
			return r.Reordered == 1 && r.Lost+r.Duplicated+r.Misrouted+r.Garbled == 0 && r.Delivered >= 2000
		}, "reordered 1"},
		{"stray", at(30, "room", stray), func(r *report.Report) bool {
			return r.Misrouted == 1 && r.Lost+r.Duplicated+r.Reordered+r.Garbled == 0
		}, "misrouted 1"},
		{"garble", at(30, "room", babble), func(r *report.Report) bool { return r.Garbled == 1 && r.Lost == 0 }, "garbled 1"},
		{"hang up", at(30, "room", goAway), func(r *report.Report) bool { return r.Disconnected == 1 && r.Lost > 0 }, "1 x "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, tc.fault)
			o := bench(t, t.Context(), append(slices.Clone(untilDeliveries), "--url", f.URL)...)
			if o.code != exitFault || len(o.reports) != 1 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			if r := &o.reports[0]; r.OK() || !tc.check(r) || !strings.Contains(o.text, tc.text) {
				t.Errorf("%s", o.text)
			}
		})
	}
}

// A soak that ends before it has its deliveries has proven nothing, whatever ended it.
func TestSoakShortOfItsDeliveries(t *testing.T) {
	t.Parallel()
	short := []string{"soak", "--deliveries", "1000000000", "--rooms", "2", "--members", "2", "--churn-rate", "0", "--quiet"}
	t.Run("by its time", func(t *testing.T) {
		t.Parallel()
		o := bench(t, t.Context(), append(slices.Clone(short), "--duration", "100ms", "--url", newFake(t, nil).URL)...)
		if o.code != exitFault || !strings.Contains(o.text, "of 1000000000 deliveries when it ended") || o.reports[0].Lost != 0 {
			t.Errorf("exit %d: %s", o.code, o.text)
		}
	})
	t.Run("by an interrupt", func(t *testing.T) {
		t.Parallel()
		ctx, interrupt := context.WithCancel(t.Context())
		f := newFake(t, func(f *fake) {
			f.tamper = func(c *fakeConn, packet string) []string {
				if c.said == 50 {
					interrupt()
				}
				return []string{packet}
			}
		})
		o := bench(t, ctx, append(slices.Clone(short), "--url", f.URL)...)
		if o.code != exitFault || !strings.Contains(o.text, "deliveries when it ended") || !o.reports[0].Interrupted {
			t.Errorf("exit %d: %s", o.code, o.text)
		}
	})
}
