package control

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"starling/gateway/access"
	"starling/hub"
)

// This file is what tells where sockets are. All of it is about this server alone.

type roomsInput struct {
	Nsp    string `query:"nsp" doc:"Namespace."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most."`
	Cursor string `query:"cursor" doc:"Where to go on: next of the page before."`
	Prefix string `query:"prefix" maxLength:"255" doc:"Only rooms whose names begin with it."`
}

type roomsReply struct {
	Rooms []roomReply `json:"rooms" nullable:"false" doc:"In the order of their names within this page, and in none from page to page."`
	Next  string      `json:"next,omitempty" doc:"Cursor of the next page. With a prefix, among very many rooms, a page may be short, or empty, although more follow."`
}

type roomReply struct {
	Name    string `json:"name"`
	Sockets int    `json:"sockets" doc:"How many are in it."`
}

// getRooms is GET /v1/rooms.
func (a *API) getRooms(ctx context.Context, c *call, in *roomsInput) (*output[roomsReply], error) {
	n, invalid := a.namespace("", in.Nsp)
	if invalid != nil {
		return nil, invalid
	}
	listing := "rooms\x00" + n.Name() + "\x00" + c.key.name
	place, invalid := a.cursors.in(in.Cursor, listing)
	if invalid != nil {
		return nil, invalid
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	rooms, next, err := c.key.listRooms(ctx, n, in, place)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rooms, func(a, b roomReply) int { return cmp.Compare(a.Name, b.Name) })
	return &output[roomsReply]{roomsReply{rooms, a.cursors.out(next, listing)}}, nil
}

// listRooms lists rooms that the key may see, from a place on, and tells where the next page begins: there is one if there is a room
// for it. For a locked key that is worth a walk to the end: by empty pages it could count the rooms of others.
func (k *key) listRooms(ctx context.Context, n *hub.Namespace, in *roomsInput, place string) (found []roomReply, next string, _ error) {
	fits := func(page []hub.RoomInfo) (some []roomReply) {
		for _, room := range page {
			if strings.HasPrefix(room.Name, in.Prefix) && (!k.locked || k.rooms.Match(room.Name)) {
				some = append(some, roomReply{room.Name, room.Sockets})
			}
		}
		return some
	}
	found = []roomReply{}
	for walked := 0; k.locked || walked < pageWalkMax; walked += pageStep {
		page, next := n.ListRooms(place, pageStep)
		some, left := fits(page), in.Limit-len(found)
		if left == 0 && len(some) > 0 {
			break
		}
		if len(some) > left {
			page, next = n.ListRooms(place, left) // a place is where a page ends, and no other
			some = fits(page)
		}
		found = append(found, some...)
		if place = next; place == "" {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
	}
	return found, place, nil
}

// getRoom is GET /v1/rooms/{room}.
func (a *API) getRoom(_ context.Context, c *call, in *roomInput) (*output[roomReply], error) {
	n, err := a.room(c, in)
	if err != nil {
		return nil, err
	}
	return &output[roomReply]{roomReply{in.Room, n.RoomSize(in.Room)}}, nil
}

type membersInput struct {
	Nsp    string `query:"nsp" doc:"Namespace."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most."`
	Cursor string `query:"cursor" doc:"Where to go on: next of the page before."`
	Room   string `path:"room" doc:"Room."`
}

// members reads a page of a room's sockets.
func (a *API) members(ctx context.Context, c *call, in *membersInput) (sockets []*hub.Socket, next string, err error) {
	n, err := a.room(c, &roomInput{Nsp: in.Nsp, Room: in.Room})
	if err != nil {
		return nil, "", err
	}
	listing := "members\x00" + n.Name() + "\x00" + in.Room
	place, invalid := a.cursors.in(in.Cursor, listing)
	if invalid != nil {
		return nil, "", invalid
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	sockets, place, err = n.ListMembers(ctx, in.Room, place, in.Limit)
	return sockets, a.cursors.out(place, listing), err
}

type socketsReply struct {
	Sockets []memberReply `json:"sockets" nullable:"false"`
	Next    string        `json:"next,omitempty" doc:"Cursor of the next page."`
}

// memberReply is a socket as others in its room may see it.
type memberReply struct {
	SID   string          `json:"sid" doc:"Socket id."`
	User  string          `json:"user,omitempty" doc:"Its user; nothing for an anonymous one."`
	Since time.Time       `json:"since" doc:"When it has connected."`
	Data  json.RawMessage `json:"data,omitempty" doc:"The data claim of its token."`
}

func memberReplyOf(s *hub.Socket) memberReply {
	grant, since, _ := memberOf(s)
	r := memberReply{SID: s.ID(), Since: since.UTC().Truncate(time.Second)}
	if grant != nil {
		r.User, r.Data = grant.User, grant.Data
	}
	return r
}

// getMembers is GET /v1/rooms/{room}/sockets.
func (a *API) getMembers(ctx context.Context, c *call, in *membersInput) (*output[socketsReply], error) {
	sockets, next, err := a.members(ctx, c, in)
	if err != nil {
		return nil, err
	}
	return socketsOutput(sockets, next), nil
}

func socketsOutput(sockets []*hub.Socket, next string) *output[socketsReply] {
	reply := socketsReply{Sockets: make([]memberReply, 0, len(sockets)), Next: next}
	for _, s := range sockets {
		reply.Sockets = append(reply.Sockets, memberReplyOf(s))
	}
	return &output[socketsReply]{reply}
}

type usersReply struct {
	Users     []userCount `json:"users" nullable:"false" doc:"A user whose sockets are on two pages is on both."`
	Anonymous int         `json:"anonymous" doc:"Sockets of this page that have no user."`
	Next      string      `json:"next,omitempty" doc:"Cursor of the next page."`
}

type userCount struct {
	User    string `json:"user"`
	Sockets int    `json:"sockets" doc:"How many of its sockets are in the room, and on this page."`
}

// getRoomUsers is GET /v1/rooms/{room}/users.
func (a *API) getRoomUsers(ctx context.Context, c *call, in *membersInput) (*output[usersReply], error) {
	sockets, next, err := a.members(ctx, c, in)
	if err != nil {
		return nil, err
	}
	reply := usersReply{Users: []userCount{}, Next: next}
	counts := map[string]int{}
	for _, s := range sockets {
		if user := access.MemberOf(s.Data()).User(); user != "" {
			counts[user]++
		} else {
			reply.Anonymous++
		}
	}
	for user, n := range counts {
		reply.Users = append(reply.Users, userCount{user, n})
	}
	slices.SortFunc(reply.Users, func(a, b userCount) int { return cmp.Compare(a.User, b.User) })
	return &output[usersReply]{reply}, nil
}

type socketsInput struct {
	Nsp    string `query:"nsp" doc:"Namespace."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most."`
	Cursor string `query:"cursor" doc:"Where to go on: next of the page before."`
	Room   string `query:"room" doc:"Only those that are in this room."`
	User   string `query:"user" doc:"Only those of this user."`
}

// getSockets is GET /v1/sockets.
func (a *API) getSockets(ctx context.Context, c *call, in *socketsInput) (*output[socketsReply], error) {
	room, err := c.key.filter(in)
	if err != nil {
		return nil, err
	}
	if room != "" {
		return a.getMembers(ctx, c, &membersInput{in.Nsp, in.Limit, in.Cursor, room})
	}
	n, invalid := a.namespace("", in.Nsp)
	if invalid != nil {
		return nil, invalid
	}
	listing := "sockets\x00" + n.Name()
	place, invalid := a.cursors.in(in.Cursor, listing)
	if invalid != nil {
		return nil, invalid
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	sockets, place, err := n.ListSockets(ctx, place, in.Limit)
	return socketsOutput(sockets, a.cursors.out(place, listing)), err
}

// filter is the room that a listing of sockets is about, "" for all of them, which a locked key may not see.
func (k *key) filter(in *socketsInput) (room string, _ error) {
	switch {
	case in.Room != "" && in.User != "":
		return "", bad("field_conflict", "user", "a listing is of a room or of a user")
	case in.Room != "":
		return in.Room, nil
	case in.User != "":
		room, err := k.user(in.User, "user")
		if err != nil {
			return "", err
		}
		return room, nil
	case k.locked:
		return "", errKeyLocked
	}
	return "", nil
}

type socketInput struct {
	Nsp string `query:"nsp" doc:"Namespace."`
	SID string `path:"sid" doc:"Socket id."`
}

// socketReply is all that there is to know of a socket.
type socketReply struct {
	SID         string          `json:"sid" doc:"Socket id."`
	User        string          `json:"user,omitempty" doc:"Its user; nothing for an anonymous one."`
	Since       time.Time       `json:"since" doc:"When it has connected."`
	Data        json.RawMessage `json:"data,omitempty" doc:"The data claim of its token."`
	Nsp         string          `json:"nsp" doc:"Its namespace."`
	Rooms       []string        `json:"rooms" nullable:"false" doc:"Rooms that it is in, its id not among them."`
	Transport   string          `json:"transport" enum:"polling,websocket"`
	Address     string          `json:"address" doc:"The client's, as far as proxies are trusted."`
	RTT         float64         `json:"rtt" doc:"Seconds that the last heartbeat took; 0 before the first."`
	QueuedBytes int             `json:"queued_bytes" doc:"Waiting for the client to read them."`
}

// getSocket is GET /v1/sockets/{sid}.
func (a *API) getSocket(ctx context.Context, c *call, in *socketInput) (*output[socketReply], error) {
	s, err := a.socket(ctx, c, in.SID, in.Nsp)
	if err != nil {
		return nil, err
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	info, err := s.Info(ctx)
	if err != nil {
		return nil, err
	}
	_, _, address := memberOf(s)
	seen := memberReplyOf(s)
	reply := socketReply{
		SID: seen.SID, User: seen.User, Since: seen.Since, Data: seen.Data, Nsp: s.Namespace().Name(), Rooms: []string{},
		Transport: info.Transport, Address: address, RTT: seconds(info.RTT), QueuedBytes: info.QueuedBytes,
	}
	for _, room := range info.Rooms {
		if room != s.ID() && (!c.key.locked || c.key.rooms.Match(room)) {
			reply.Rooms = append(reply.Rooms, room)
		}
	}
	return &output[socketReply]{reply}, nil
}

type userInput struct {
	Nsp  string `query:"nsp" doc:"Namespace."`
	User string `path:"user" doc:"Id of a user."`
}

type userReply struct {
	User    string `json:"user"`
	Online  bool   `json:"online"`
	Sockets int    `json:"sockets" doc:"How many it has."`
}

// getUser is GET /v1/users/{user}.
func (a *API) getUser(_ context.Context, c *call, in *userInput) (*output[userReply], error) {
	room, err := c.key.user(in.User, "user")
	if err != nil {
		return nil, err
	}
	n, err := a.namespace("", in.Nsp)
	if err != nil {
		return nil, err
	}
	size := n.RoomSize(room)
	return &output[userReply]{userReply{in.User, size > 0, size}}, nil
}

type onlineReply struct {
	Online []string `json:"online" nullable:"false" doc:"Those of the users that have a socket, in the order of the request."`
}

// postOnline is POST /v1/users/online.
func (a *API) postOnline(_ context.Context, c *call, in *nspInput) (*output[onlineReply], error) {
	var b onlineBody
	if err := b.read(c.body); err != nil {
		return nil, err
	}
	n, invalid := a.namespace(b.Nsp, in.Nsp)
	if invalid != nil {
		return nil, invalid
	}
	if len(b.Users) == 0 {
		return nil, bad("target_missing", "users", "no user is named")
	}
	reply := onlineReply{Online: []string{}}
	for i, user := range b.Users {
		room, err := c.key.user(user, at("users", i))
		if err != nil {
			return nil, err
		}
		if n.RoomSize(room) > 0 {
			reply.Online = append(reply.Online, user)
		}
	}
	return &output[onlineReply]{reply}, nil
}
