package folder

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"starling/bench/internal/page"
	"starling/bench/internal/report"
)

// kind tells a summary.json of ours from any other.
const kind = "starling-bench"

// summary is what summary.json holds: the folder, and which files belong to it. It is written twice, first to say that the rest is
// on its way, and at the end.
type summary struct {
	Kind       string `json:"kind"`
	Unfinished bool   `json:"unfinished,omitempty"`
	Folder
	Files []file `json:"files"`
}

// file is one of the others, as it was written.
type file struct {
	Name   string `json:"name"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`

	data []byte
}

func (f *file) seal() {
	sum := sha256.Sum256(f.data)
	f.Bytes, f.SHA256 = len(f.data), hex.EncodeToString(sum[:])
}

// Write writes the folder, which is made if it does not exist. It gives results without an ID one. An earlier folder of ours is
// replaced, other files in it are left; a folder that is not ours is refused (ErrNotOurs). Nothing is touched before all is ready
// to be written, and until the last file is, Read says ErrUnfinished. Two must not write to one folder at a time.
func Write(dir string, f *Folder) error {
	old, err := former(dir)
	if err != nil {
		return err
	}
	next, err := prepare(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	// Both the old files and the new, so that whoever writes here after an interruption knows what to remove.
	begun := summary{Kind: kind, Unfinished: true, Folder: Folder{Schema: Schema}, Files: slices.Concat(old, next.Files)}
	if err := begun.write(dir); err != nil {
		return err
	}
	for _, known := range begun.Files {
		if err := os.Remove(filepath.Join(dir, known.Name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("folder: %w", err)
		}
	}
	for _, n := range next.Files {
		if err := put(filepath.Join(dir, n.Name), n.data); err != nil {
			return err
		}
	}
	return next.write(dir)
}

// former are the files of ours that are in the folder.
func former(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if len(entries) == 0 || len(entries) == 1 && entries[0].Name() == summaryTemp {
		return nil, nil
	}
	s, err := open(dir)
	if err != nil && !errors.Is(err, ErrUnfinished) {
		return nil, err
	}
	return slices.DeleteFunc(s.Files, func(f file) bool { return !ours(f.Name) }), nil
}

// prepare makes all files in memory.
func prepare(f *Folder) (*summary, error) {
	f.Schema = Schema
	for _, r := range f.Results {
		if r.Schema != report.Schema {
			return nil, fmt.Errorf("%w: a report of schema %d, not %d", ErrSchema, r.Schema, report.Schema)
		}
	}
	if err := name(f.Results); err != nil {
		return nil, err
	}
	s := &summary{Kind: kind, Folder: *f}
	table, err := timelines(f.Results)
	if err != nil {
		return nil, err
	}
	var html bytes.Buffer
	if err := page.Write(&html, f.page()); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	s.Files = []file{{Name: tableName, data: f.markdown()}, {Name: timelineName, data: table}, {Name: pageName, data: html.Bytes()}}
	for _, r := range f.Results {
		if err := s.histograms(r); err != nil {
			return nil, err
		}
	}
	for i := range s.Files {
		s.Files[i].seal()
	}
	return s, nil
}

// histograms adds a result's.
func (s *summary) histograms(r *report.Report) error {
	for _, h := range []struct {
		exported           []byte
		exact, percentiles string
	}{
		{r.LatencyHDR, exactSuffix, percentileSuffix},
		{r.HandshakeHDR, exactHandshake, percentileShakes},
	} {
		if len(h.exported) == 0 {
			continue
		}
		decoded, err := hdrhistogram.Decode(h.exported)
		if err != nil {
			return fmt.Errorf("folder: the histogram of %s: %w", r.ID, err)
		}
		s.Files = append(s.Files, file{Name: r.ID + h.exact, data: h.exported}, file{Name: r.ID + h.percentiles, data: percentiles(decoded)})
	}
	return nil
}

// write replaces summary.json by one step, so that it is never half of one.
func (s *summary) write(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("folder: %s: %w", summaryName, err)
	}
	temp := filepath.Join(dir, summaryTemp)
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("folder: %w", err)
	}
	if err := put(temp, append(data, '\n')); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, summaryName)); err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	return nil
}

// put writes a file that must not exist yet, and has it on the disk when it returns.
func put(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	return nil
}
