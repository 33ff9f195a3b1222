package quantity

import (
	"errors"
	"math"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       Quantity
		err        error
	}{
		{"plain", "12", Quantity{12, Number, ""}, nil},
		{"negative", "-3", Quantity{-3, Number, ""}, nil},
		{"fraction without an integer", ".5", Quantity{0.5, Number, ""}, nil},
		{"exponent", "2e3", Quantity{2000, Number, ""}, nil},
		{"exponent with a sign and a unit", "2E-1ms", Quantity{200, Time, ""}, nil},
		{"thousands", "1.5k", Quantity{1500, Number, ""}, nil},
		{"millions", "2M", Quantity{2e6, Number, ""}, nil},
		{"a rate", "100k/s", Quantity{100e3, Number, "s"}, nil},
		{"nanoseconds", "500ns", Quantity{0.5, Time, ""}, nil},
		{"microseconds", "20us", Quantity{20, Time, ""}, nil},
		{"microseconds with a mu", "20µs", Quantity{20, Time, ""}, nil},
		{"milliseconds", "20ms", Quantity{20e3, Time, ""}, nil},
		{"seconds", "1.5s", Quantity{1.5e6, Time, ""}, nil},
		{"minutes", "2m", Quantity{120e6, Time, ""}, nil},
		{"bytes", "512B", Quantity{512, Bytes, ""}, nil},
		{"KB", "4KB", Quantity{4000, Bytes, ""}, nil},
		{"KiB", "4KiB", Quantity{4096, Bytes, ""}, nil},
		{"MB", "1MB", Quantity{1e6, Bytes, ""}, nil},
		{"MiB", "1MiB", Quantity{1 << 20, Bytes, ""}, nil},
		{"GB", "1GB", Quantity{1e9, Bytes, ""}, nil},
		{"GiB", "2 GiB", Quantity{2 << 30, Bytes, ""}, nil},
		{"percent", "+10%", Quantity{10, Percent, ""}, nil},
		{"blanks", " 20 ms ", Quantity{20e3, Time, ""}, nil},
		{"nothing", "", Quantity{}, ErrNumber},
		{"unit alone", "ms", Quantity{}, ErrNumber},
		{"not finite", "inf", Quantity{}, ErrNumber},
		{"beyond all numbers", "1e999", Quantity{}, ErrNumber},
		{"beyond all numbers with its unit", "1e308GiB", Quantity{}, ErrNumber},
		{"hexadecimal", "0x10", Quantity{}, ErrUnit},
		{"two units", "20msms", Quantity{}, ErrUnit},
		{"wrong case", "20MS", Quantity{}, ErrUnit},
		{"a rate of nothing", "20/", Quantity{}, ErrUnit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Parse(tc.text)
			if !errors.Is(err, tc.err) || got != tc.want {
				t.Errorf("%q is %+v, %v; want %+v, %v", tc.text, got, err, tc.want, tc.err)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    float64
		unit string
		want string
	}{
		{"no time", 0, "us", "0 us"},
		{"microseconds", 12, "us", "12 us"},
		{"a few microseconds", 7, "us", "7 us"},
		{"a fraction of one", 0.0421, "us", "0.04 us"},
		{"hundreds", 950.4, "us", "950 us"},
		{"rounded up into the next unit", 999.7, "us", "1.00 ms"},
		{"milliseconds", 1234, "us", "1.23 ms"},
		{"a digit more by rounding", 9996, "us", "10.0 ms"},
		{"seconds", 61.5e6, "us", "61.5 s"},
		{"given in seconds", 0.25, "s", "250 ms"},
		{"bytes", 512, "bytes", "512 B"},
		{"kibibytes", 4096 + 512, "bytes", "4.50 KiB"},
		{"just under a mebibyte", 1023.9 * 1024, "bytes", "1.00 MiB"},
		{"gibibytes", 3 << 30, "bytes", "3.00 GiB"},
		{"a slope", 2 << 20, "bytes/h", "2.00 MiB/h"},
		{"negative slope", -2 << 20, "bytes/h", "-2.00 MiB/h"},
		{"a rate", 1.25e6, "1/s", "1.25M/s"},
		{"a count", 1000, "", "1.00k"},
		{"a ratio", 0.985, "", "0.98"},
		{"not a number", math.NaN(), "us", "?"},
		{"infinite", math.Inf(1), "", "inf"},
		{"infinite downwards", math.Inf(-1), "", "-inf"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Format(tc.v, tc.unit); got != tc.want {
				t.Errorf("%v %s is %q, want %q", tc.v, tc.unit, got, tc.want)
			}
		})
	}
}

// What columns rely on.
func TestFormatWidths(t *testing.T) {
	for v := 0.001; v < 999e6; v *= 1.017 {
		if s := FormatTimeShort(v); len(s) > 5 && v >= 0.1 {
			t.Errorf("%v us is %q", v, s)
		}
		if s := FormatCount(v); len(s) > 5 {
			t.Errorf("%v is %q", v, s)
		}
	}
}

func TestKindString(t *testing.T) {
	for k, want := range map[Kind]string{Number: "number", Time: "time", Bytes: "size in bytes", Percent: "percentage"} {
		if k.String() != want {
			t.Errorf("%d is %q", k, k)
		}
	}
}

// What has been read is finite, and its text with blanks around it reads the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"20ms", "-1.5e3KiB", "+10%", "100k/s", "1e", "1e+", "..", "0x1p3", "1_000", "NaN", "µ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrNumber) && !errors.Is(err, ErrUnit) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if math.IsNaN(q.Value) || math.IsInf(q.Value, 0) {
			t.Fatalf("%q is %v", text, q.Value)
		}
		if again, err := Parse(" " + text + "\t"); err != nil || again != q {
			t.Fatalf("%q is %+v, and with blanks %+v, %v", text, q, again, err)
		}
	})
}
