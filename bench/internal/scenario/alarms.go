package scenario

// alarm is a time at which a guest wants to be called.
type alarm struct {
	due   int64 // on flood's clock
	guest int32
}

// alarms is a binary heap with the earliest first. An alarm that was set anew stays in it and is known by its time, which is no
// longer its guest's.
type alarms []alarm

func (h *alarms) push(a alarm) {
	q := append(*h, a)
	i := len(q) - 1
	for i > 0 && q[(i-1)/2].due > q[i].due {
		q[i], q[(i-1)/2] = q[(i-1)/2], q[i]
		i = (i - 1) / 2
	}
	*h = q
}

// pop takes the earliest off a heap that is not empty.
func (h *alarms) pop() alarm {
	q := *h
	first, last := q[0], len(q)-1
	q[0] = q[last]
	q = q[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if q[child].due < q[least].due {
				least = child
			}
		}
		if least == i {
			break
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
	*h = q
	return first
}
