package recovery

// table is a map that gives memory back when most of it is gone, which Go's does not. The zero value is empty.
type table[V any] struct {
	m    map[string]V
	peak int // the most it has held since m was made
}

func (t *table[V]) len() int { return len(t.m) }

func (t *table[V]) get(key string) (v V, ok bool) {
	v, ok = t.m[key]
	return v, ok
}

func (t *table[V]) set(key string, v V) {
	if t.m == nil {
		t.m = map[string]V{}
	}
	t.m[key] = v
	t.peak = max(t.peak, len(t.m))
}

func (t *table[V]) remove(key string) {
	delete(t.m, key)
	switch {
	case len(t.m) == 0 && t.peak >= shrinkMin:
		*t = table[V]{}
	case t.peak >= shrinkMin && len(t.m) < t.peak/shrinkTo:
		smaller := make(map[string]V, len(t.m))
		for key, v := range t.m {
			smaller[key] = v
		}
		t.m, t.peak = smaller, len(t.m)
	}
}
