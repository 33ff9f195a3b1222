package folder

import (
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestPercentileText(t *testing.T) {
	h := hdrhistogram.New(1, 600e9, 3)
	for range 3 {
		if err := h.RecordValue(1_000_000); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.RecordValue(250_000_000); err != nil {
		t.Fatal(err)
	}
	want := "       Value     Percentile TotalCount 1/(1-Percentile)\n\n" +
		"    1.000447 0.000000000000          3           1.00\n" +
		"    1.000447 0.100000000000          3           1.11\n"
	got := string(percentiles(h))
	if got[:len(want)] != want {
		t.Errorf("begins\n%swant\n%s", got[:len(want)], want)
	}
	end := "  250.085375 1.000000000000          4\n" +
		"#[Mean    =    63.255104, StdDeviation   =   107.828671]\n" +
		"#[Max     =   250.085375, Total count    =            4]\n"
	if len(got) < len(end) || got[len(got)-len(end):] != end {
		t.Errorf("ends\n%swant\n%s", got[max(0, len(got)-len(end)):], end)
	}
}
