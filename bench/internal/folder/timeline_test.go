package folder

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"starling/bench/internal/report"
)

const headLine = "id,at_s,phase,connected,connects,failed,disconnected,sent,delivered,faults,latency_us_p50,latency_us_p90,latency_us_p99," +
	"latency_us_p999,latency_us_p9999,latency_us_max,server_cpu_cores,server_rss_bytes,client_cpu_cores\n"

func TestTimelineText(t *testing.T) {
	all := []*report.Report{
		{ID: "one", Timeline: []report.Sample{
			{AtS: -1, Phase: `a "wait", then`, Connected: 10, Connects: 10, ServerRSS: 5 << 20},
			{
				AtS: 0.5, Phase: "run", Connected: 9, Failed: 1, Disconnected: 2, Sent: 3, Delivered: 30, Faults: 4, ServerCPU: 0.25, ClientCPU: 1e-7,
				Latency: &report.Latency{P50: 1.5, P90: 2, P99: 3, P999: 4, P9999: 5, Max: 1e9},
			},
		}},
		{ID: "none"},
		{ID: "two", Timeline: []report.Sample{{AtS: 1, Latency: &report.Latency{}}}},
	}
	got, err := timelines(all)
	want := headLine +
		`one,-1,"a ""wait"", then",10,10,0,0,0,0,0,,,,,,,0,5242880,0` + "\n" +
		"one,0.5,run,9,0,1,2,3,30,4,1.5,2,3,4,5,1000000000,0.25,0,0.0000001\n" +
		"two,1,,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n"
	if err != nil || string(got) != want {
		t.Fatalf("%v, got\n%swant\n%s", err, got, want)
	}
	back := []*report.Report{{ID: "one"}, {ID: "none"}, {ID: "two"}}
	if err := readTimelines(got, back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, all) {
		t.Error("it is not read as it was")
	}
}

// A field that is added to the sample must get a column.
func TestEveryFieldOfASampleIsKept(t *testing.T) {
	var fields func(v reflect.Value, path string)
	s := report.Sample{Latency: &report.Latency{}}
	fields = func(v reflect.Value, path string) {
		for i := range v.NumField() {
			f, name := v.Field(i), path+v.Type().Field(i).Name
			switch f.Kind() {
			case reflect.Pointer:
				fields(f.Elem(), name+".")
				continue
			case reflect.String:
				f.SetString("x")
			case reflect.Int, reflect.Int64:
				f.SetInt(7)
			case reflect.Uint64:
				f.SetUint(7)
			case reflect.Float64:
				f.SetFloat(7.25)
			default:
				t.Fatalf("%s is a %s", name, f.Kind())
			}
			data, err := timelines([]*report.Report{{ID: "a", Timeline: []report.Sample{s}}})
			if err != nil {
				t.Fatal(err)
			}
			back := &report.Report{ID: "a"}
			if err := readTimelines(data, []*report.Report{back}); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back.Timeline[0], s) {
				t.Errorf("%s is lost", name)
			}
			f.SetZero()
		}
	}
	fields(reflect.ValueOf(&s).Elem(), "")
}

func TestTimelinesThatAreRefused(t *testing.T) {
	row := "a,1,run,0,0,0,0,0,0,0,,,,,,,0,0,0\n"
	for _, tc := range []struct{ name, text, says string }{
		{"empty", "", "first line"},
		{"other columns", strings.Replace(headLine, "at_s", "at_ms", 1) + row, "first line"},
		{"a column is missing", headLine + "a,1,run\n", "line 2"},
		{"no such result", headLine + strings.Replace(row, "a", "b", 1), `"b"`},
		{"not a number", headLine + strings.Replace(row, "1", "one", 1), `at_s is "one"`},
		{"not a count", headLine + row + strings.Replace(row, "run,0", "run,0.5", 1), "line 3: connected"},
		{"a count that is negative", headLine + "a,1,run,0,0,0,0,-1,0,0,,,,,,,0,0,0\n", "sent"},
		{"a latency that is no number", headLine + "a,1,run,0,0,0,0,0,0,0,x,,,,,,0,0,0\n", "latency_us_p50"},
		{"an open quote", headLine + "\"a\n", "line 2"},
	} {
		err := readTimelines([]byte(tc.text), []*report.Report{{ID: "a"}})
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
