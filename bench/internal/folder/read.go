package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// Read reads a folder that Write has written, timelines and histograms included.
func Read(dir string) (*Folder, error) {
	s, err := open(dir)
	if err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	for _, f := range s.Files {
		if err := s.restore(dir, f); err != nil {
			return nil, err
		}
	}
	return &s.Folder, nil
}

// open reads summary.json. With ErrUnfinished it returns what is known of the files.
func open(dir string) (*summary, error) {
	data, err := os.ReadFile(filepath.Join(dir, summaryName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no %s in %s", ErrNotOurs, summaryName, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	return parse(data, dir)
}

// parse reads the content of the summary.json of a folder.
func parse(data []byte, dir string) (*summary, error) {
	// What it is comes first: what another version means by the rest is not known.
	var what struct {
		Kind   string
		Schema int
	}
	if err := json.Unmarshal(data, &what); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, summaryName, err)
	}
	if what.Kind != kind {
		return nil, fmt.Errorf("%w: %s in %s is something else", ErrNotOurs, summaryName, dir)
	}
	if what.Schema != Schema {
		return nil, fmt.Errorf("%w: %s is of schema %d, not %d", ErrSchema, summaryName, what.Schema, Schema)
	}
	s := &summary{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, summaryName, err)
	}
	if s.Unfinished {
		return s, fmt.Errorf("%w: %s", ErrUnfinished, dir)
	}
	return s, nil
}

// check looks at what JSON alone would let pass.
func (s *summary) check() error {
	for i, r := range s.Results {
		if r == nil || !usable(r.ID) {
			return fmt.Errorf("%w: %s: result %d is none, or has no ID", ErrDamaged, summaryName, i+1)
		}
		if r.Schema != report.Schema {
			return fmt.Errorf("%w: the report of %s is of schema %d, not %d", ErrSchema, r.ID, r.Schema, report.Schema)
		}
	}
	return nil
}

// restore reads one of the files back into the results. Those for people are not looked at.
func (s *summary) restore(dir string, f file) error {
	if !ours(f.Name) || f.Name != timelineName && !strings.HasSuffix(f.Name, exactSuffix) {
		return nil
	}
	var err error
	if f.data, err = os.ReadFile(filepath.Join(dir, f.Name)); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	written := f.SHA256
	if f.seal(); f.SHA256 != written {
		return fmt.Errorf("%w: %s is not what was written", ErrDamaged, f.Name)
	}
	if f.Name == timelineName {
		return readTimelines(f.data, s.Results)
	}
	return s.histogram(f)
}

func (s *summary) histogram(f file) error {
	if _, err := ledger.ImportLatency(f.data); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, f.Name, err)
	}
	for _, r := range s.Results {
		switch f.Name {
		case r.ID + exactSuffix:
			r.LatencyHDR = f.data
		case r.ID + exactHandshake:
			r.HandshakeHDR = f.data
		}
	}
	return nil
}
