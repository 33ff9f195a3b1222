package control

import (
	"context"
	"slices"

	"starling/gateway/access"
	"starling/hub"
)

// This file says whom a request reaches: what names mean, and which of them a key that is locked to rooms may use.
//
// Such a key has rooms by their names, and a socket as long as it is in one of those rooms. Other rooms are refused by their
// names alone, whether there are any such; other sockets are as if there were none. So nothing that a key is told depends
// on what there is outside of its lock.

// everyone is the name that stands for everyone, alone.
const everyone = "*"

// socketIDBytes is the length of a socket id.
const socketIDBytes = 20

// isSocketID tells whether a name has the form of a socket id.
func isSocketID(name string) bool {
	if len(name) != socketIDBytes {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// checkRoom is access.CheckRoom as an Error.
func checkRoom(name, field string) *Error {
	if err := access.CheckRoom(name); err != nil {
		return bad("room_name_invalid", field, "%s", err)
	}
	return nil
}

// room wants a room that the key may use.
func (k *key) room(name, field string) *Error {
	if err := checkRoom(name, field); err != nil {
		return err
	}
	if k.locked && !k.rooms.Match(name) {
		return errRoomForbidden(field)
	}
	return nil
}

func errRoomForbidden(field string) *Error {
	return forbidden("room_forbidden", field, "this API key is locked to other rooms")
}

// user wants a user that the key may use, and returns its room.
func (k *key) user(user, field string) (room string, _ *Error) {
	if err := access.CheckUser(user); err != nil {
		return "", bad("user_invalid", field, "%s", err)
	}
	room = access.UserRoom(user)
	if k.locked && !k.rooms.Match(room) {
		return "", forbidden("user_forbidden", field, "this API key is locked to rooms among which those of users like this one, user:<id>, are not")
	}
	return room, nil
}

// socket finds a socket that the key may use.
func (k *key) socket(ctx context.Context, n *hub.Namespace, id string) (*hub.Socket, error) {
	if !isSocketID(id) {
		return nil, errSocketUnknown
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	if !k.locked {
		return n.Socket(ctx, id)
	}
	found, err := n.SocketsByID(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	if !k.has(found[id]) {
		return nil, errSocketUnknown
	}
	return found[id].Socket, nil
}

// has tells whether a locked key may use a socket, which may be none.
func (k *key) has(s hub.SocketRooms) bool { return slices.ContainsFunc(s.Rooms, k.rooms.Match) }

// reach wants names of rooms and sockets that the key may use. It returns those that may be there: what it leaves out are
// sockets that, for this key, there are not. The result may alias all.
func (k *key) reach(ctx context.Context, n *hub.Namespace, all []string, field string) ([]string, error) {
	for i, name := range all {
		if err := checkRoom(name, place(field, all, i)); err != nil {
			return nil, err
		}
	}
	if !k.locked {
		return all, nil
	}
	var found, ids []string
	for i, name := range all {
		switch {
		case k.rooms.Match(name):
			found = append(found, name)
		case isSocketID(name):
			ids = append(ids, name)
		default:
			return nil, errRoomForbidden(place(field, all, i))
		}
	}
	if len(ids) == 0 {
		return found, nil
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	sockets, err := n.SocketsByID(ctx, ids)
	for _, id := range ids {
		if k.has(sockets[id]) {
			found = append(found, id)
		}
	}
	return found, err
}

// place names an element of a field, which may have been given without the array.
func place(field string, all []string, i int) string {
	if len(all) == 1 {
		return field
	}
	return at(field, i)
}

// targets is whom an operation means.
type targets struct {
	everyone bool
	rooms    []string
}

// target finds out who is meant by names. With all, "*" alone is everyone.
func (k *key) target(ctx context.Context, n *hub.Namespace, names []string, field string, all bool) (targets, error) {
	if len(names) == 0 {
		missing := *errTargetMissing
		missing.Field = field
		return targets{}, &missing
	}
	if all && len(names) == 1 && names[0] == everyone {
		if k.locked {
			return targets{}, errKeyLocked
		}
		return targets{everyone: true}, nil
	}
	rooms, err := k.reach(ctx, n, names, field)
	return targets{rooms: rooms}, err
}

// of is the operator that means the targets.
func (t targets) of(n *hub.Namespace) hub.BroadcastOperator {
	if t.everyone {
		return n.Except()
	}
	return n.To(t.rooms...)
}
