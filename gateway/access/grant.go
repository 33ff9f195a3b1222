package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Grant is what a client may do. Once a client has it nobody changes it: a refresh makes a new one. A nil Grant allows
// nothing.
type Grant struct {
	User    string          // the client's user; "" is anonymous
	Join    []string        // rooms that it joins when it connects, and may always join again
	Rooms   Patterns        // rooms that it may join, and ask who is in
	Emit    Patterns        // rooms that it may emit to
	Data    json.RawMessage // compact JSON that others may see; nil is none
	Expires time.Time       // when the client has to go or to refresh; zero is never
	// Everything allows each room but those of other users and of single sockets, whatever the lists say. It is for
	// development, where clients come without a token.
	Everything bool
}

// NewGrant checks the parts of a grant and puts it together. An empty user is anonymous. Data is copied; nil, and the
// JSON null, are none. The error says which part is wrong and wraps an Err value of this package.
func NewGrant(user string, join, rooms, emit []string, data json.RawMessage, expires time.Time) (*Grant, error) {
	if user != "" {
		if err := CheckUser(user); err != nil {
			return nil, fmt.Errorf("sub: %w", err)
		}
	}
	if err := checkRooms(join); err != nil {
		return nil, fmt.Errorf("join%w", err)
	}
	mayJoin, err := patterns(rooms)
	if err != nil {
		return nil, fmt.Errorf("rooms%w", err)
	}
	mayEmit, err := patterns(emit)
	if err != nil {
		return nil, fmt.Errorf("emit%w", err)
	}
	shown, err := compactData(data)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return &Grant{User: user, Join: slices.Clone(join), Rooms: mayJoin, Emit: mayEmit, Data: shown, Expires: expires}, nil
}

func patterns(list []string) (Patterns, error) {
	if len(list) > PatternsMax {
		return nil, fmt.Errorf(": %w", ErrPatternsMax)
	}
	return ParsePatterns(list)
}

func checkRooms(names []string) error {
	if len(names) > PatternsMax {
		return fmt.Errorf(": %w", ErrPatternsMax)
	}
	for i, name := range names {
		if err := CheckRoom(name); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return nil
}

// compactData copies data without its spaces, into exactly as many bytes as it takes: it is kept for each connection.
func compactData(data json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	if len(data) == 0 {
		return nil, nil
	}
	if !utf8.Valid(data) { // RFC 8259 8.1
		return nil, ErrDataJSON
	}
	if err := json.Compact(&b, data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDataJSON, err)
	}
	if b.Len() > DataBytesMax {
		return nil, ErrDataBytes
	}
	if b.String() == "null" {
		return nil, nil
	}
	return slices.Clip(bytes.Clone(b.Bytes())), nil
}

// MayJoin tells whether the client may be in a room: the one of its own user, one of Join, and those that Rooms means.
func (g *Grant) MayJoin(room string) bool {
	if g == nil || CheckRoom(room) != nil {
		return false
	}
	return g.isOwn(room) || slices.Contains(g.Join, room) || g.Rooms.mean(room) || g.isOpen(room)
}

// MayEmit tells whether the client may emit to a room. Being in it is neither needed nor enough.
func (g *Grant) MayEmit(room string) bool {
	if g == nil || CheckRoom(room) != nil {
		return false
	}
	return g.Emit.mean(room) || g.isOpen(room)
}

// isOwn tells the room of the client's own user.
func (g *Grant) isOwn(room string) bool {
	user, ok := strings.CutPrefix(room, userRoomPrefix)
	return ok && user != "" && user == g.User
}

// isOpen tells the rooms that Everything allows.
func (g *Grant) isOpen(room string) bool {
	if !g.Everything {
		return false
	}
	return g.isOwn(room) || !IsReserved(room)
}
