package webhook

// fifo is a list of entries in order. It grows by pieces, since to copy a hundred thousand entries into a larger array
// takes milliseconds, for which everybody who notifies would wait.
type fifo struct {
	chunks [][]entry // all but the last are full
	gone   int       // entries of the first that were removed
	len    int
}

// chunkEntries is how many entries a piece has.
const chunkEntries = 256

func (f *fifo) push(e entry) {
	last := len(f.chunks) - 1
	if last < 0 || len(f.chunks[last]) == chunkEntries {
		f.chunks = append(f.chunks, make([]entry, 0, chunkEntries))
		last++
	}
	f.chunks[last] = append(f.chunks[last], e)
	f.len++
}

// first returns the first of at least one entry.
func (f *fifo) first() *entry { return &f.chunks[0][f.gone] }

// appendFirst appends copies of the first n entries, or of all if there are fewer.
func (f *fifo) appendFirst(dst []entry, n int) []entry {
	from := f.gone
	for _, chunk := range f.chunks {
		part := chunk[from:]
		part = part[:min(len(part), n)]
		dst = append(dst, part...)
		n -= len(part)
		from = 0
	}
	return dst
}

// remove removes the first n of at least as many entries. The last piece is kept for the next ones.
func (f *fifo) remove(n int) {
	f.len -= n
	for n > 0 {
		chunk := f.chunks[0]
		part := chunk[f.gone:min(len(chunk), f.gone+n)]
		clear(part) // lets go of their strings
		f.gone += len(part)
		n -= len(part)
		switch {
		case f.gone < len(chunk):
		case len(f.chunks) > 1:
			f.chunks[0] = nil
			f.chunks, f.gone = f.chunks[1:], 0
		default:
			f.chunks[0], f.gone = chunk[:0], 0
		}
	}
}
