package folder

import (
	"errors"
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
	f.Add([]byte(`{"kind":"starling-bench","schema":1,"results":[{"schema":2,"id":"a","connected":5,"lost":1}],"files":[{"name":"a.hdr"}]}`))
	f.Add([]byte(`{"kind":"starling-bench","schema":1,"unfinished":true,"results":null,"files":[{"name":"../a.hdr"}]}`))
	f.Add([]byte(`{"kind":"other"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parse(data, "")
		if err == nil {
			err = s.check()
		}
		known := err == nil
		for _, e := range []error{ErrNotOurs, ErrUnfinished, ErrSchema, ErrDamaged} {
			known = known || errors.Is(err, e)
		}
		if !known {
			t.Error(err)
		}
		if err == nil && len(s.Results) > 0 && !usable(s.Results[0].ID) {
			t.Errorf("ID %q", s.Results[0].ID)
		}
	})
}
