package hub_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"regexp"
	"time"

	"starling/hub"
	"starling/hub/cluster/loopback"
)

// A typed handler gets its argument decoded, and an Ack to answer with whenever it likes.
func ExampleOn() {
	type message struct {
		Room string `json:"room"`
		Text string `json:"text"`
	}
	io := hub.New(hub.Options{})
	hub.On(io, "message", func(s *hub.Socket, m message, ack hub.Ack) {
		_ = s.To(m.Room).Emit("message", m.Text)
		_ = ack("delivered")
	})
	io.OnError(func(s *hub.Socket, err error) { // events whose argument is no message
		_ = s.Emit("error", err.Error())
	})
}

// What a middleware has found out about a user stays with the socket.
func ExampleDataOf() {
	type user struct{ Name string }
	io := hub.New(hub.Options{})
	io.Use(func(s *hub.Socket) error {
		s.SetData(user{Name: "Ada"})
		return nil
	})
	io.On("who am I?", func(s *hub.Socket, e *hub.Event) {
		if u, ok := hub.DataOf[user](s); ok {
			_ = e.Ack(u.Name)
		}
	})
}

// Each workspace is a namespace that comes into being when its first client asks for it.
func ExampleServer_OfMatch() {
	io := hub.New(hub.Options{CleanupEmptyChildNamespaces: true})
	workspaces := io.OfMatch(regexp.MustCompile(`^/workspace-\d+$`))
	workspaces.Use(func(s *hub.Socket) error {
		var auth struct{ Token string }
		if err := s.Auth(&auth); err != nil {
			return err
		}
		return mayEnter(auth.Token, s.Namespace().Name())
	})
	workspaces.On("draw", func(s *hub.Socket, e *hub.Event) {
		_ = s.Broadcast().Emit("draw", e.Raw(0)) // in its own workspace
	})
	_ = workspaces.Emit("maintenance", "at noon") // in all of them
}

func mayEnter(token, workspace string) error {
	if token == "" {
		return &hub.ConnectError{Message: "no token", Data: workspace}
	}
	return nil
}

// An event middleware sees each event before its handler.
func ExampleNamespace_UseEvent() {
	io := hub.New(hub.Options{})
	io.UseEvent(func(s *hub.Socket, e *hub.Event) error {
		if e.Name() == "admin" && s.Data() != "administrator" {
			return errors.New("not for you")
		}
		return nil
	})
}

// Everybody in a room is asked, and those who answer in time are heard.
func ExampleBroadcastOperator_EmitWithAck() {
	io := hub.New(hub.Options{})
	replies, err := io.To("voters").Timeout(5*time.Second).EmitWithAck(context.Background(), "vote", "lunch at noon?")
	var partial *hub.PartialError
	switch {
	case errors.As(err, &partial):
		log.Printf("%d of %d have voted: %v", partial.Answered, partial.Asked, partial.Err)
	case err != nil:
		log.Print(err)
	}
	yes := 0
	for i := range replies {
		var vote bool
		if replies[i].Bind(&vote) == nil && vote {
			yes++
		}
	}
	fmt.Println(yes, "votes")
	// Output: 0 votes
}

// Sockets are found by their rooms, on all nodes of a cluster.
func ExampleBroadcastOperator_FetchSockets() {
	io := hub.New(hub.Options{})
	found, err := io.In("user:ada").FetchSockets(context.Background())
	if err != nil {
		log.Print(err)
	}
	for _, s := range found {
		var device string
		if s.Data(&device) == nil && device == "tablet" {
			_ = s.Disconnect(true)
		}
	}
}

// A feed runs while somebody looks at its room.
func ExampleNamespace_OnRoom() {
	io := hub.New(hub.Options{})
	io.OnRoom(func(e hub.RoomEvent) { // may block, in order for each room
		switch e.Kind {
		case hub.RoomCreated:
			fmt.Println("subscribe to", e.Room)
		case hub.RoomDeleted:
			fmt.Println("unsubscribe from", e.Room)
		}
	})
}

// Two servers in one process are the smallest cluster. Adapters for several machines have the same seam.
func ExampleOptions_adapter() {
	network := loopback.New(loopback.Options{})
	a := hub.New(hub.Options{Adapter: network.Adapter()})
	b := hub.New(hub.Options{Adapter: network.Adapter()})
	b.OnServerEvent("reload", func(e *hub.ServerEvent) { _ = e.Ack("reloaded") })
	ask := func(ctx context.Context) error {
		replies, err := a.ServerSideEmitWithAck(ctx, "reload")
		fmt.Println(len(replies), "servers have reloaded")
		return err
	}
	_ = ask // when both are serving
}

// Clients that lose their connection for less than two minutes get their socket back, and what they have missed.
func ExampleRecovery() {
	io := hub.New(hub.Options{Recovery: &hub.Recovery{MaxDisconnectionDuration: 2 * time.Minute}})
	io.OnConnect(func(s *hub.Socket) {
		if !s.Recovered() { // else its rooms and data are there, and the client has what it has missed
			_ = s.Join("news")
			_ = s.Emit("state", map[string]int{"version": 1})
		}
	})
}

// Inside a server that there is already, Starling is a handler like any other.
func ExampleServer_ServeHTTP() {
	io := hub.New(hub.Options{})
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	mux.HandleFunc("POST /notify/{room}", func(w http.ResponseWriter, r *http.Request) {
		if err := io.To(r.PathValue("room")).Emit("notice", r.FormValue("text")); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = io.Serve(ctx) }() // the event loops, without an address of their own
	log.Print(http.ListenAndServe("127.0.0.1:8080", mux))
}
