package main

import (
	"errors"
	"fmt"
	"time"

	"starling/bench/internal/expect"
	"starling/bench/internal/report"
)

// results are the reports of one command on their way to people, to programs, and to a folder.
type results struct {
	s        *session
	out      *output
	began    time.Time
	expected []expect.Expectation
	all      []*report.Report
}

// open begins them, or goes on with those of the command that this one is a part of.
func (o *output) open(s *session) (*results, error) {
	if s.results != nil {
		return s.results, nil
	}
	r := &results{s: s, out: o, began: time.Now()}
	for _, text := range o.Assert {
		e, err := expect.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%w: --assert: %w", errUsage, err)
		}
		r.expected = append(r.expected, e)
	}
	return r, nil
}

// sample shows a second of the run.
func (r *results) sample(s report.Sample) {
}

// add takes one report, and says what of the expectations it does not meet. Those are the server's, not the limit's.
func (r *results) add(s *session, rep *report.Report, round int) {
	rep.Case, rep.Round = s.part, s.round
	if r.out.Repeat > 1 {
		rep.Round = round + 1
	}
	if rep.Target != "limit" {
		for _, e := range r.expected {
			if ok, why := e.Check(rep); !ok {
				rep.Unmet = append(rep.Unmet, why)
			}
		}
	}
	r.all = append(r.all, rep)
	r.s.show(rep)
}

// close writes the folder and returns the verdict on all of it. For a part of another command that one does it.
func (r *results) close(s *session) error {
	if s.results != nil {
		return nil
	}
	return verdict(r.all...)
}

func (s *session) show(r *report.Report) {
	if err := r.WriteJSON(s.std.out); err != nil {
		fmt.Fprintln(s.std.err, "bench:", err)
	}
	_ = r.WriteText(s.std.err) // there is nowhere left to complain
}

// errInvalid is returned by a run whose latencies are the generator's own.
var errInvalid = errors.New("the run says nothing about the server's latencies")

func verdict(reports ...*report.Report) (err error) {
	for _, r := range reports {
		switch {
		case r == nil:
		case !r.OK():
			return errFault
		case r.Invalid != "" && r.Open != nil:
			err = errInvalid
		}
	}
	return err
}
