package access

import (
	"strings"
	"testing"
)

func TestCheckRoom(t *testing.T) {
	for _, tc := range []struct {
		name, room string
		want       error
	}{
		{"a word", "lobby", nil},
		{"parts", "ws:acme:board-7", nil},
		{"a space inside", "the lobby", nil},
		{"a colon at an end", "acme:", nil},
		{"other scripts", "комната-日本", nil},
		{"an emoji", "🎉", nil},
		{"a zero-width joiner, which emoji are made with", "👩‍💻", nil},
		{"255 bytes", strings.Repeat("a", 255), nil},
		{"nothing", "", ErrRoomBytes},
		{"256 bytes", strings.Repeat("a", 256), ErrRoomBytes},
		{"255 characters of two bytes", strings.Repeat("é", 255), ErrRoomBytes},
		{"a byte that is no UTF-8", "a\xffb", ErrNameUTF8},
		{"a character that is cut", "a\xe6\x97", ErrNameUTF8},
		{"a surrogate", "a\xed\xa0\x80b", ErrNameUTF8},
		{"the character that stands for broken ones", "a\ufffdb", ErrNameUTF8},
		{"NUL", "a\x00b", ErrNameControl},
		{"a line end", "a\nb", ErrNameControl},
		{"DEL", "a\x7fb", ErrNameControl},
		{"a control character of Latin-1", "a\u0085b", ErrNameControl},
		{"a star alone", "*", ErrNameStar},
		{"a pattern", "acme:*", ErrNameStar},
		{"a star inside", "a*b", ErrNameStar},
		{"a space before", " a", ErrNameSpace},
		{"a space behind", "a ", ErrNameSpace},
		{"a space alone", " ", ErrNameSpace},
		{"a no-break space behind", "a\u00a0", ErrNameSpace},
		{"an ideographic space before", "\u3000a", ErrNameSpace},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := CheckRoom(tc.room); got != tc.want {
				t.Errorf("CheckRoom(%q) = %v, want %v", tc.room, got, tc.want)
			}
		})
	}
}

func TestCheckUser(t *testing.T) {
	for _, tc := range []struct {
		name, user string
		want       error
	}{
		{"a number", "42", nil},
		{"of an identity provider", "auth0|5f7c8ec7c33c6c004bbafe82", nil},
		{"an address", "ann@acme.example", nil},
		{"with a colon", "google:1", nil},
		{"250 bytes", strings.Repeat("a", 250), nil},
		{"nothing", "", ErrUserBytes},
		{"251 bytes, whose room would have 256", strings.Repeat("a", 251), ErrUserBytes},
		{"a control character", "4\x002", ErrNameControl},
		{"no UTF-8", "\xff", ErrNameUTF8},
		{"a star", "*", ErrNameStar},
		{"a space behind", "42 ", ErrNameSpace},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := CheckUser(tc.user); got != tc.want {
				t.Errorf("CheckUser(%q) = %v, want %v", tc.user, got, tc.want)
			}
		})
	}
	if longest := UserRoom(strings.Repeat("a", UserBytesMax)); CheckRoom(longest) != nil || len(longest) != RoomBytesMax {
		t.Errorf("the room of the longest user has %d bytes", len(longest))
	}
	if got := UserRoom("42"); got != "user:42" {
		t.Errorf("UserRoom = %q", got)
	}
}

func TestIsReserved(t *testing.T) {
	for _, tc := range []struct {
		name, room string
		want       bool
	}{
		{"of a user", "user:42", true},
		{"the beginning alone", "user:", true},
		{"a socket id", "AAAA-bbbb_0123456789", true},
		{"a word", "lobby", false},
		{"a word that begins alike", "users", false},
		{"other capitals", "User:42", false},
		{"20 characters with a colon", "ws:acme:board-000007", false},
		{"20 characters with a dot", "AAAA.bbbb_0123456789", false},
		{"19 characters", "AAAA-bbbb_012345678", false},
		{"21 characters", "AAAA-bbbb_01234567890", false},
		{"20 bytes with a foreign letter", "ÄAA-bbbb_0123456789", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := IsReserved(tc.room); got != tc.want {
				t.Errorf("IsReserved(%q) = %v", tc.room, got)
			}
		})
	}
}
