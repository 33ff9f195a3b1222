package ledger

import (
	"bytes"
	"errors"
	"testing"
)

// stampBytes is a stamp laid out by field.
const stampBytes = "~" + "0badcafe" + "00000007" + "0000000a" + "00000bb8" + "000000e8d4a51001"

var stampValue = Stamp{Run: 0x0badcafe, Room: 7, Seq: 10, LagUs: 3000, SentNs: 1_000_000_000_001}

func TestStampAppend(t *testing.T) {
	if got := string(stampValue.Append([]byte("x"))); got != "x"+stampBytes {
		t.Errorf("%q", got)
	}
	if len(stampBytes) != StampBytes {
		t.Errorf("StampBytes is %d, a stamp has %d", StampBytes, len(stampBytes))
	}
}

func TestFindStamp(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		ok       bool
	}{
		{"alone", stampBytes, true},
		{"in an event", `42["room","flood","` + stampBytes + `...."]`, true},
		{"cut", stampBytes[:StampBytes-1], false},
		{"no mark", stampBytes[1:] + "0", false},
		{"not hexadecimal", "~" + "0badcafg" + stampBytes[9:], false},
		{"capitals", "~" + "0BADCAFE" + stampBytes[9:], false},
		{"bad time", stampBytes[:StampBytes-1] + "-", false},
		{"empty", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := FindStamp([]byte(tc.in))
			if ok != tc.ok {
				t.Fatalf("found %v, want %v", ok, tc.ok)
			}
			if ok && got != stampValue {
				t.Errorf("%+v, want %+v", got, stampValue)
			}
		})
	}
}

// FuzzFindStamp holds that whatever is found is what Append writes at that place, and that nothing panics.
func FuzzFindStamp(f *testing.F) {
	f.Add([]byte(stampBytes))
	f.Add([]byte(`42["room","` + stampBytes + `"]`))
	f.Add([]byte("~~" + stampBytes))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, ok := FindStamp(in)
		at := bytes.IndexByte(in, '~')
		if ok && !bytes.Equal(s.Append(nil), in[at:at+StampBytes]) {
			t.Errorf("%+v is not what stands in %q", s, in)
		}
	})
}

func TestLatencyTravels(t *testing.T) {
	a, b := NewLatency(), NewLatency()
	for us := range int64(100) {
		a.Record((us + 1) * 1000)
	}
	b.Record(-5)                       // a clock that seems to run backwards counts as nothing
	b.Record(int64(LatencyMax) * 1000) // and what is beyond the scale as its end
	sent, err := b.Export()
	if err != nil {
		t.Fatal(err)
	}
	b, err = ImportLatency(sent)
	if err != nil {
		t.Fatal(err)
	}
	a.Add(b)
	if a.Count() != 102 {
		t.Errorf("%d durations, want 102", a.Count())
	}
	if p50 := a.Quantile(50); p50 < 49 || p50 > 51 {
		t.Errorf("median %v us, want 50", p50)
	}
	if high := LatencyMax.Microseconds(); a.Max() < 0.999*float64(high) || a.Max() > 1.001*float64(high) {
		t.Errorf("longest %v us, want %d", a.Max(), high)
	}
}

func TestImportLatencyOfGarbage(t *testing.T) {
	for _, in := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte{0xff}, 100)} {
		if _, err := ImportLatency(in); !errors.Is(err, ErrHistogram) {
			t.Errorf("%q: %v, want %v", in, err, ErrHistogram)
		}
	}
}
