package expect

import "math"

// op is a comparison.
type op string

// operators has the longer ones first, of which others are the beginning.
var operators = []op{"<=", ">=", "==", "!=", "<", ">", "="}

// holds compares. What is not a number satisfies nothing, not even !=.
func (o op) holds(have, want float64) bool {
	if math.IsNaN(have) || math.IsNaN(want) {
		return false
	}
	order := compare(have, want)
	switch o {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "=":
		return order == 0
	case "!=":
		return order != 0
	}
	return false
}

// sameShare is how far apart two numbers may be in proportion and still count as the same: 4.35% is not quite 0.0435.
const sameShare = 1e-9

func compare(a, b float64) int {
	switch {
	case a == b || !math.IsInf(a-b, 0) && math.Abs(a-b) <= sameShare*max(math.Abs(a), math.Abs(b)):
		return 0
	case a < b:
		return -1
	}
	return 1
}
