// Command private is messages from one to another: everybody sees who is there, and whoever is clicked on gets the
// message alone, by the id of the socket. The sender is told when it has arrived, because the receiver's page has said so.
//
//	npm ci --prefix examples    # once: the client for browsers
//	go run ./examples/private   # and then http://127.0.0.1:8080 in three tabs
package main

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"starling/hub"
)

//go:embed index.html style.css app.js
var page embed.FS

// arrivalTimeout is how long the receiver's page may take to say that a message has arrived.
const arrivalTimeout = 5 * time.Second

func main() {
	if err := serve(); err != nil {
		slog.Error("private cannot serve", "error", err)
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

	io := hub.New(hub.Options{ClientFiles: os.DirFS(*client), Handler: http.FileServerFS(page)})
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

func register(io *hub.Server) {
	here := presence{names: map[string]string{}}
	io.OnConnect(here.come)
	io.OnDisconnect(func(s *hub.Socket, _ hub.Reason) { here.leave(s) })
	hub.On(io, "message", deliver)
}

// presence is who is there. What it tells, it tells with its lock held: a newcomer's list and the news behind it come in
// the order in which they are true.
type presence struct {
	mu    sync.Mutex
	names map[string]string // by socket id
}

// come tells a newcomer who is there, and everybody else who has come.
func (p *presence) come(s *hub.Socket) {
	var auth struct{ Name string }
	if s.Auth(&auth) != nil || auth.Name == "" {
		auth.Name = "somebody"
	}
	s.SetData(auth.Name)
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = s.Emit("people", p.names)
	_ = s.Broadcast().Emit("joined", s.ID(), auth.Name)
	p.names[s.ID()] = auth.Name
}

// leave tells everybody who has gone.
func (p *presence) leave(s *hub.Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.names, s.ID())
	_ = s.Broadcast().Emit("left", s.ID())
}

// letter is what one sends to another.
type letter struct {
	To   string `json:"to"` // a socket's id
	Text string `json:"text"`
}

// deliver hands a letter to its receiver alone, and waits until that one's page has acknowledged it. The sender's next
// letter waits as well: the events of a socket are handled one after the other.
func deliver(s *hub.Socket, l letter, ack hub.Ack) {
	ctx, cancel := context.WithTimeout(context.Background(), arrivalTimeout)
	defer cancel()
	replies, err := s.To(l.To).EmitWithAck(ctx, "message", s.ID(), l.Text)
	switch {
	case err != nil:
		_ = ack("it is not known whether it has arrived")
	case len(replies) == 0:
		_ = ack("nobody is there any more")
	default:
		_ = ack("arrived")
	}
}
