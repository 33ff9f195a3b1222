package wsproto

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	kflate "github.com/klauspost/compress/flate"
)

// eventText is an event of about size bytes as chats and games send them.
func eventText(size int) []byte {
	words := []string{"the", "room", "hello", "player", "score", "where", "are", "you", "today", "I", "think", "we", "should", "meet", "at", "noon", "thanks", "see", "later", "again"}
	rng := rand.New(rand.NewPCG(1, 2))
	b := []byte(`42/chat,["history",[`)
	for i := 0; len(b) < size; i++ {
		b = fmt.Appendf(b, `{"id":%d,"user":{"id":"u%08x","name":"%s%d"},"at":17%011d,"room":"room-%d","text":"`,
			100_000+i, rng.Uint32(), words[rng.IntN(len(words))], rng.IntN(100), rng.Int64N(1e11), rng.IntN(20))
		for range 4 + rng.IntN(10) {
			b = append(append(b, words[rng.IntN(len(words))]...), ' ')
		}
		b = append(b, `","read":false},`...)
	}
	return append(b[:size-2], "]]"...)
}

// eventSizes are those of a small answer, a large one, and a history.
var eventSizes = []int{1 << 10, 10 << 10, 100 << 10}

func BenchmarkAppendDeflatedFrame(b *testing.B) {
	for _, size := range eventSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			payload := eventText(size)
			var frame []byte
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				frame = AppendDeflatedFrame(nil, OpText, payload)
			}
			b.ReportMetric(100*float64(len(frame))/float64(size), "%")
		})
	}
}

// BenchmarkDeflateLevels is what deflateLevel was chosen by, and the library.
func BenchmarkDeflateLevels(b *testing.B) {
	type writer interface {
		io.Writer
		Flush() error
		Reset(dst io.Writer)
	}
	for _, size := range eventSizes {
		payload := eventText(size)
		for level := 1; level <= 6; level++ {
			for by, w := range map[string]writer{
				"klauspost": must(kflate.NewWriter(nil, level)),
				"flate":     must(flate.NewWriter(nil, level)),
			} {
				b.Run(fmt.Sprintf("%d/level=%d/by=%s", size, level, by), func(b *testing.B) {
					var out bytes.Buffer
					b.SetBytes(int64(size))
					for b.Loop() {
						out.Reset()
						w.Reset(&out)
						must(w.Write(payload))
						must(0, w.Flush())
					}
					b.ReportMetric(100*float64(out.Len()-len(deflateTail))/float64(size), "%")
				})
			}
		}
	}
}

func BenchmarkReaderDeflate(b *testing.B) {
	for _, size := range eventSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			frame := masked(AppendDeflatedFrame(nil, OpText, eventText(size)))
			r := NewReader(Server, &Limits{MessageBytesMax: MessageBytesMax, FragmentsMax: FragmentsMax})
			r.EnableDeflate()
			in := bytes.Clone(frame)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				copy(in, frame)
				if m, _, err := r.Next(in); len(m.Payload) != size || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkInflate holds inflate against compress/flate, with what that makes at
// its default level, with blocks that are all tables, and with final blocks, for
// each of which the window is copied.
func BenchmarkInflate(b *testing.B) {
	inputs := map[string][]byte{
		"tables": wire(twoTables + "*16000 00"),
		"finals": append(slowDeflate(noise(40_000), flate.BestSpeed), wire("0000ffff 0300*450000")...),
	}
	for _, size := range eventSizes {
		inputs[fmt.Sprint(size)] = slowDeflate(eventText(size), flate.DefaultCompression)
	}
	for name, in := range inputs {
		b.Run(name+"/by=inflate", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, fault := inflate(in, MessageBytesMax); fault != 0 {
					b.Fatal(fault)
				}
			}
		})
		b.Run(name+"/by=flate", func(b *testing.B) {
			var src bytes.Reader
			whole := append(bytes.Clone(in), inflateEnd...)
			z := flate.NewReader(&src)
			b.ReportAllocs()
			for b.Loop() {
				src.Reset(whole)
				for src.Len() > len(inflateEnd) {
					must(0, z.(flate.Resetter).Reset(&src, nil))
					must(io.ReadAll(z))
				}
			}
		})
	}
}
