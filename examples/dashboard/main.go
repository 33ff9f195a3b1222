// Command dashboard is numbers that move, for workspaces that must not see each other's: the token in the auth payload
// decides the workspace, a workspace is a room, and each room gets its own numbers, as events that may be lost, because
// the next ones are better. Who watches is counted by the events of the room.
//
//	npm ci --prefix examples     # once: the client for browsers
//	go run ./examples/dashboard  # and then http://127.0.0.1:8080 in a few tabs
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"starling/hub"
)

//go:embed index.html style.css app.js
var page embed.FS

// interval is the time from one set of numbers to the next.
const interval = time.Second

// workspaces are the workspaces by the tokens that open them. A real one asks whoever has issued the token.
var workspaces = map[string]string{"north-7f3a": "north", "south-c41d": "south"}

func main() {
	if err := serve(); err != nil {
		slog.Error("dashboard cannot serve", "error", err)
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
	io.Use(enter)
	io.OnRoom(countViewers)
	if err := io.Listen(*addr); err != nil {
		return err
	}
	go func() {
		<-io.Ready()
		slog.Info("listening", "addr", io.Addr().String())
	}()
	for _, workspace := range workspaces {
		go publish(ctx, io.To(workspace).Volatile(), newNumbers(workspace))
	}
	return io.Serve(ctx)
}

// enter puts a socket into the workspace that its token opens; it never names the workspace itself.
func enter(s *hub.Socket) error {
	var auth struct{ Token string }
	if err := s.Auth(&auth); err != nil {
		return errors.New("the token must be a text")
	}
	workspace, ok := workspaces[auth.Token]
	if !ok {
		return errors.New("this token opens no workspace")
	}
	return s.Join(workspace)
}

// countViewers tells a workspace how many watch it, whenever that has changed.
func countViewers(e hub.RoomEvent) {
	if e.Kind == hub.RoomJoined || e.Kind == hub.RoomLeft {
		_ = e.Namespace.To(e.Room).Emit("viewers", e.Namespace.RoomSize(e.Room))
	}
}

// numbers are what a workspace watches.
type numbers struct {
	Workspace string  `json:"workspace"`
	Orders    int     `json:"orders"`    // so far
	Visitors  int     `json:"visitors"`  // at the moment
	LatencyMS float64 `json:"latencyMs"` // of the slowest answer in a hundred
}

func newNumbers(workspace string) numbers {
	return numbers{Workspace: workspace, Orders: rand.IntN(5000), Visitors: 100 + rand.IntN(400), LatencyMS: 40}
}

// next is how the numbers of a demonstration go on.
func (n numbers) next() numbers {
	n.Orders += rand.IntN(12)
	n.Visitors = max(0, n.Visitors+rand.IntN(21)-10)
	n.LatencyMS = max(5, n.LatencyMS+rand.Float64()*10-5)
	return n
}

// publish emits the numbers of a workspace for as long as the context allows.
func publish(ctx context.Context, viewers hub.BroadcastOperator, n numbers) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			n = n.next()
			_ = viewers.Emit("numbers", n)
		case <-ctx.Done():
			return
		}
	}
}
