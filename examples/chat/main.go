// Command chat is a few rooms to talk in: a middleware asks for a name, who comes and goes is told to the room, messages
// are acknowledged, and typing is told by events that may be lost.
//
//	npm ci --prefix examples    # once: the client for browsers
//	go run ./examples/chat      # and then http://127.0.0.1:8080 in two tabs
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"starling/hub"
)

//go:embed index.html style.css app.js
var page embed.FS

const (
	nameRunesMax    = 20
	messageBytesMax = 8 << 10 // whoever sends more is disconnected; the page stops earlier
)

var rooms = []string{"lobby", "gophers", "music"}

func main() {
	if err := serve(); err != nil {
		slog.Error("chat cannot serve", "error", err)
		os.Exit(1)
	}
}

// serve serves until the process is asked to end.
func serve() error {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on, host:port")
	client := flag.String("client", "examples/node_modules/socket.io-client/dist", "folder dist of the npm package socket.io-client")
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	if _, err := os.Stat(filepath.Join(*client, "socket.io.min.js")); err != nil {
		return fmt.Errorf("the page needs the client for browsers, which `npm ci --prefix examples` fetches: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	io := hub.New(hub.Options{
		ClientFiles:     os.DirFS(*client),
		Handler:         http.FileServerFS(page),
		PayloadBytesMax: messageBytesMax,
	})
	register(io)
	if err := io.Listen(*addr); err != nil {
		return err
	}
	go func() {
		<-io.Ready()
		slog.Info("listening", "addr", io.Addr().String())
	}()
	return io.Serve(ctx)
}

// guest is what the server remembers of a socket. Room is "" before the first one.
type guest struct{ Name, Room string }

// message is what the others in the room get.
type message struct {
	Room string `json:"room"`
	From string `json:"from"`
	Text string `json:"text"`
}

// failure is an acknowledgement that tells what went wrong.
type failure struct {
	Error string `json:"error"`
}

func register(io *hub.Server) {
	io.Use(wantName)
	io.OnConnect(func(s *hub.Socket) { _ = s.Emit("rooms", rooms) })
	hub.On(io, "join", join)
	hub.On(io, "message", say)
	io.OnLoop("typing", func(s *hub.Socket, _ *hub.Event) {
		if g, _ := hub.DataOf[guest](s); g.Room != "" {
			_ = s.To(g.Room).Volatile().Emit("typing", g.Room, g.Name)
		}
	})
	io.OnDisconnect(func(s *hub.Socket, _ hub.Reason) { leave(s) })
}

// wantName lets in who has given a name. The client's connect_error event gets the text of an error.
func wantName(s *hub.Socket) error {
	var auth struct{ Name string }
	if err := s.Auth(&auth); err != nil {
		return errors.New("the name must be a text")
	}
	name := strings.TrimSpace(auth.Name)
	if n := utf8.RuneCountInString(name); n == 0 || n > nameRunesMax {
		return fmt.Errorf("a name has 1 to %d characters", nameRunesMax)
	}
	s.SetData(guest{Name: name})
	return nil
}

// join moves a socket to another room. Events of the room may come before the acknowledgement: each names its room.
func join(s *hub.Socket, room string, ack hub.Ack) {
	if !slices.Contains(rooms, room) {
		_ = ack(failure{"there is no such room"})
		return
	}
	g := leave(s)
	g.Room = room
	s.SetData(g)
	_ = s.Join(room)
	_ = s.To(room).Emit("joined", room, g.Name)
	_ = ack("ok")
}

// leave takes a socket out of its room, if it is in one.
func leave(s *hub.Socket) guest {
	g, _ := hub.DataOf[guest](s)
	if g.Room != "" {
		_ = s.Leave(g.Room)
		_ = s.To(g.Room).Emit("left", g.Room, g.Name)
	}
	return g
}

// say passes a text on to the others in the room.
func say(s *hub.Socket, text string, ack hub.Ack) {
	g, _ := hub.DataOf[guest](s)
	if g.Room == "" {
		_ = ack(failure{"join a room first"})
		return
	}
	if err := s.To(g.Room).Emit("message", message{g.Room, g.Name, text}); err != nil {
		_ = ack(failure{err.Error()})
		return
	}
	_ = ack("delivered")
}
