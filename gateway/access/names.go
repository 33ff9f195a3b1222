package access

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// userRoomPrefix begins the names of the rooms that belong to users.
const userRoomPrefix = "user:"

// CheckRoom tells whether a name may be that of a room: 1 to RoomBytesMax bytes of UTF-8, no control characters, no
// '*', no space at either end. The error is the first of ErrRoomBytes and the ErrName values that holds.
func CheckRoom(name string) error {
	if name == "" || len(name) > RoomBytesMax {
		return ErrRoomBytes
	}
	return checkName(name)
}

// CheckUser tells whether an id may be that of a user: the rules of CheckRoom, and ErrUserBytes past UserBytesMax.
func CheckUser(user string) error {
	if user == "" || len(user) > UserBytesMax {
		return ErrUserBytes
	}
	return checkName(user)
}

// UserRoom is the room that all connections of a user are in.
func UserRoom(user string) string { return userRoomPrefix + user }

// IsReserved tells the rooms that belong to one user or one socket: "user:" and what follows it, and each name that may
// be a socket id. Only lists that name them open them, since whoever joins one reads what is meant for somebody else.
func IsReserved(room string) bool {
	return strings.HasPrefix(room, userRoomPrefix) || isSocketIDLike(room)
}

// checkName holds the rules that rooms and users share. The name is not empty.
func checkName(name string) error {
	for i, r := range name { // which yields U+FFFD for each byte that is no UTF-8
		switch {
		case r == utf8.RuneError:
			return ErrNameUTF8
		case unicode.IsControl(r):
			return ErrNameControl
		case r == '*':
			return ErrNameStar
		case i == 0 && unicode.IsSpace(r):
			return ErrNameSpace
		}
	}
	if last, _ := utf8.DecodeLastRuneInString(name); unicode.IsSpace(last) {
		return ErrNameSpace
	}
	return nil
}

// socketIDBytes is the length of a socket id, which the hub draws from A-Z, a-z, 0-9, '-' and '_'.
const socketIDBytes = 20

// isSocketIDLike tells whether a name may be that of the room which each socket has to itself.
func isSocketIDLike(name string) bool {
	isForeign := func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	return len(name) == socketIDBytes && !strings.ContainsFunc(name, isForeign)
}
