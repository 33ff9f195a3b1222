package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"starling/bench/internal/expect"
	"starling/bench/internal/folder"
	"starling/bench/internal/live"
	"starling/bench/internal/report"
	"starling/bench/internal/scenario"
)

// results are the reports of one command on their way to people, to programs, and to a folder.
type results struct {
	s        *session
	out      *output
	began    time.Time
	expected []expect.Expectation
	all      []*report.Report
	machine  folder.Machine // as it was before the client was pinned
}

// open begins them, or goes on with those of the command that this one is a part of.
func (o *output) open(s *session) (*results, error) {
	if s.results != nil {
		return s.results, nil
	}
	r := &results{s: s, out: o, began: time.Now(), machine: folder.ThisMachine()}
	var err error
	if r.expected, err = expect.ParseAll(o.Assert...); err != nil {
		return nil, fmt.Errorf("%w: --assert: %w", errUsage, err)
	}
	return r, nil
}

// watch has the next run show its progress, and returns what ends that.
func (r *results) watch(s *session, opts *scenario.Options, name string) (done func()) {
	title := opts.Config.Scenario + ", " + name
	if s.part != "" {
		title = s.part + ", " + name
	}
	view := live.New(s.std.err, live.Options{
		Title: title, Connections: opts.Config.Connections, Duration: opts.Duration, Warmup: opts.Warmup, Quiet: r.out.Quiet,
	})
	opts.OnSample, s.note = view.Sample, view.Note
	return func() {
		s.note = nil
		view.Close()
	}
}

// add takes one report, of a round of several or of none (0), and says what of the expectations it does not meet. Those are the
// server's, not the limit's.
func (r *results) add(s *session, rep *report.Report, round int) {
	rep.Case, rep.Round = s.part, max(s.round, round)
	if rep.Target != "limit" {
		rep.Unmet = expect.Unmet(r.expected, rep)
	}
	r.all = append(r.all, rep)
	r.s.show(rep)
}

// close writes the folder and returns the verdict on all of it. For a part of another command that one does it.
func (r *results) close(s *session) error {
	if s.results != nil {
		return nil
	}
	if err := r.write(s); err != nil {
		return err
	}
	return judge(r.all...)
}

func (r *results) write(s *session) error {
	if r.out.Out == "" || len(r.all) == 0 {
		return nil
	}
	err := folder.Write(r.out.Out, &folder.Folder{
		Started: r.began, Machine: r.machine, Tool: folder.ThisTool(version, "", append([]string{"bench"}, withoutSecrets(s.args)...)), Results: r.all,
	})
	if err == nil {
		fmt.Fprintln(s.std.err, "bench: the report is", filepath.Join(r.out.Out, "report.html"))
	}
	return err
}

func (s *session) show(r *report.Report) {
	if err := r.WriteJSON(s.std.out); err != nil {
		fmt.Fprintln(s.std.err, "bench:", err)
	}
	_ = r.WriteText(s.std.err) // there is nowhere left to complain
}

// errInvalid is returned by a run whose latencies are the generator's own.
var errInvalid = errors.New("the run says nothing about the server's latencies")

func judge(reports ...*report.Report) (err error) {
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
