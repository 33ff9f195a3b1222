package recovery

// list is a doubly linked list, oldest first. The zero value is empty.
type list[T any] struct {
	oldest, newest *node[T]
	n              int
}

// node is an element of a list, or of none any more.
type node[T any] struct {
	older, newer *node[T]
	value        T
}

func (l *list[T]) push(v T) *node[T] {
	n := &node[T]{older: l.newest, value: v}
	if l.newest == nil {
		l.oldest = n
	} else {
		l.newest.newer = n
	}
	l.newest = n
	l.n++
	return n
}

// remove takes out a node of this list. What it was linked to does not stay alive through it.
func (l *list[T]) remove(n *node[T]) {
	if n.older == nil {
		l.oldest = n.newer
	} else {
		n.older.newer = n.newer
	}
	if n.newer == nil {
		l.newest = n.older
	} else {
		n.newer.older = n.older
	}
	n.older, n.newer = nil, nil
	l.n--
}
