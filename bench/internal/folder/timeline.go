package folder

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"starling/bench/internal/report"
)

// column is one field of a sample in timeline.csv.
type column struct {
	name string
	get  func(*report.Sample) string
	set  func(*report.Sample, string) error
}

var columns = []column{
	float("at_s", func(s *report.Sample) *float64 { return &s.AtS }),
	{
		"phase", func(s *report.Sample) string { return s.Phase },
		func(s *report.Sample, v string) error { s.Phase = v; return nil },
	},
	integer("connected", func(s *report.Sample) *int { return &s.Connected }),
	integer("connects", func(s *report.Sample) *int { return &s.Connects }),
	integer("failed", func(s *report.Sample) *int { return &s.Failed }),
	integer("disconnected", func(s *report.Sample) *int { return &s.Disconnected }),
	integer("sent", func(s *report.Sample) *uint64 { return &s.Sent }),
	integer("delivered", func(s *report.Sample) *uint64 { return &s.Delivered }),
	integer("faults", func(s *report.Sample) *uint64 { return &s.Faults }),
	latency("latency_us_p50", func(l *report.Latency) *float64 { return &l.P50 }),
	latency("latency_us_p90", func(l *report.Latency) *float64 { return &l.P90 }),
	latency("latency_us_p99", func(l *report.Latency) *float64 { return &l.P99 }),
	latency("latency_us_p999", func(l *report.Latency) *float64 { return &l.P999 }),
	latency("latency_us_p9999", func(l *report.Latency) *float64 { return &l.P9999 }),
	latency("latency_us_max", func(l *report.Latency) *float64 { return &l.Max }),
	float("server_cpu_cores", func(s *report.Sample) *float64 { return &s.ServerCPU }),
	integer("server_rss_bytes", func(s *report.Sample) *int64 { return &s.ServerRSS }),
	float("client_cpu_cores", func(s *report.Sample) *float64 { return &s.ClientCPU }),
}

func float(name string, field func(*report.Sample) *float64) column {
	return column{
		name, func(s *report.Sample) string { return strconv.FormatFloat(*field(s), 'f', -1, 64) },
		func(s *report.Sample, v string) (err error) { *field(s), err = strconv.ParseFloat(v, 64); return err },
	}
}

func integer[N int | int64 | uint64](name string, field func(*report.Sample) *N) column {
	return column{
		name, func(s *report.Sample) string { return fmt.Sprint(*field(s)) },
		func(s *report.Sample, v string) error { _, err := fmt.Sscanf(v+"\n", "%d\n", field(s)); return err },
	}
}

// latency is a column that is empty in a second in which nothing was delivered.
func latency(name string, field func(*report.Latency) *float64) column {
	return column{
		name,
		func(s *report.Sample) string {
			if s.Latency == nil {
				return ""
			}
			return strconv.FormatFloat(*field(s.Latency), 'f', -1, 64)
		},
		func(s *report.Sample, v string) (err error) {
			if v == "" {
				return nil
			}
			if s.Latency == nil {
				s.Latency = new(report.Latency)
			}
			*field(s.Latency), err = strconv.ParseFloat(v, 64)
			return err
		},
	}
}

// head is the first line: the units are in the names.
func head() []string {
	names := []string{"id"}
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

// timelines writes the seconds of all results beneath each other.
func timelines(results []*report.Report) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	rows := [][]string{head()}
	for _, r := range results {
		for i := range r.Timeline {
			row := []string{r.ID}
			for _, c := range columns {
				row = append(row, c.get(&r.Timeline[i]))
			}
			rows = append(rows, row)
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("folder: %s: %w", timelineName, err)
	}
	return out.Bytes(), nil
}

// readTimelines gives each result its seconds back.
func readTimelines(data []byte, results []*report.Report) error {
	byID := make(map[string]*report.Report, len(results))
	for _, r := range results {
		byID[r.ID] = r
	}
	in := csv.NewReader(bytes.NewReader(data))
	first, err := in.Read()
	if err != nil || !slices.Equal(first, head()) {
		return fmt.Errorf("%w: %s: its first line is not the names of the columns", ErrDamaged, timelineName)
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil { // names the line
			return fmt.Errorf("%w: %s: %w", ErrDamaged, timelineName, err)
		}
		at, _ := in.FieldPos(0)
		r := byID[row[0]]
		if r == nil {
			return fmt.Errorf("%w: %s: line %d is of %q, which is no result", ErrDamaged, timelineName, at, row[0])
		}
		s, err := second(row[1:])
		if err != nil {
			return fmt.Errorf("%w: %s: line %d: %w", ErrDamaged, timelineName, at, err)
		}
		r.Timeline = append(r.Timeline, s)
	}
}

func second(row []string) (s report.Sample, err error) {
	for i, c := range columns {
		if err := c.set(&s, row[i]); err != nil {
			return s, fmt.Errorf("%s is %q: %w", c.name, row[i], err)
		}
	}
	return s, nil
}
