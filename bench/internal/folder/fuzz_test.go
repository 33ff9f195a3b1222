package folder

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"starling/bench/internal/report"
)

func FuzzTimelines(f *testing.F) {
	f.Add([]byte(headLine + "a,1,run,0,0,0,0,0,0,0,,,,,,,0,0,0\n"))
	f.Add([]byte(headLine + "a,-1.5,\"x\ny\",1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,1e9\n"))
	f.Add([]byte("id\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		first := []*report.Report{{ID: "a"}}
		if err := readTimelines(data, first); err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		// What could be read is written, and read again, as the same.
		again, err := timelines(first)
		if err != nil {
			t.Fatal(err)
		}
		second := []*report.Report{{ID: "a"}}
		if err := readTimelines(again, second); err != nil {
			t.Fatal(err)
		}
		third, err := timelines(second)
		if err != nil || !reflect.DeepEqual(again, third) {
			t.Fatalf("%v\n%s\n%s", err, again, third)
		}
	})
}

func FuzzSummary(f *testing.F) {
	dir := f.TempDir()
	if err := Write(dir, small()); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, summaryName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"kind":"starling-bench","schema":1,"results":[{"schema":2,"id":"a"}],"files":[{"name":"a.hdr"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, summaryName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(dir)
		known := err == nil
		for _, e := range []error{ErrNotOurs, ErrUnfinished, ErrSchema, ErrDamaged} {
			known = known || errors.Is(err, e)
		}
		if !known {
			t.Error(err)
		}
	})
}
