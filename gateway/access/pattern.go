package access

import (
	"fmt"
	"strings"
)

// Pattern means one room by its exact name, or with ":*" at its end every room whose name begins with what is before
// the '*' and goes on: "acme:*" means "acme:x" and "acme:x:y", not "acme", "acme:" or "acmecorp". Make one with
// ParsePattern; the zero value, and a Pattern made otherwise that breaks the rules, means no room.
type Pattern string

// ParsePattern checks a pattern. What is before the '*', or all of it, keeps the rules of CheckRoom; any other '*' is
// ErrPatternStar, so a bare "*" is none: nothing can mean the rooms of every workspace at once.
func ParsePattern(s string) (Pattern, error) {
	if len(s) > RoomBytesMax {
		return "", ErrRoomBytes
	}
	prefix, _ := cutPrefix(s)
	switch err := CheckRoom(prefix); err {
	case nil:
		return Pattern(s), nil
	case ErrNameStar:
		return "", ErrPatternStar
	default:
		return "", err
	}
}

// cutPrefix returns the prefix that a pattern stands for, or all of an exact name.
func cutPrefix(s string) (prefix string, isPrefix bool) {
	if strings.HasSuffix(s, ":*") {
		return s[:len(s)-1], true
	}
	return s, false
}

// Match tells whether a room is meant. Something that is no name of a room, like "acme:*" itself, never is.
func (p Pattern) Match(room string) bool { return CheckRoom(room) == nil && p.means(room) }

// means is Match for what is known to be the name of a room.
func (p Pattern) means(room string) bool {
	prefix, isPrefix := cutPrefix(string(p))
	if isPrefix {
		return len(room) > len(prefix) && strings.HasPrefix(room, prefix)
	}
	return string(p) == room
}

// Patterns mean the rooms that any of them means; none of them means none.
type Patterns []Pattern

// ParsePatterns checks a list. The error names the entry by its index, and wraps that of ParsePattern. No entries give
// nil.
func ParsePatterns(list []string) (Patterns, error) {
	var ps Patterns
	for i, s := range list {
		p, err := ParsePattern(s)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// Match tells whether any pattern means the room.
func (ps Patterns) Match(room string) bool { return CheckRoom(room) == nil && ps.mean(room) }

// mean is Match for what is known to be the name of a room.
func (ps Patterns) mean(room string) bool {
	for _, p := range ps {
		if p.means(room) {
			return true
		}
	}
	return false
}
