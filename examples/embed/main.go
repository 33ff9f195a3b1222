// Command embed is a web server that was there before, with its routes, its middleware and its port, and that gets live
// notifications beside them: the hub is one more http.Handler. POST /notify is how a backend pushes to everybody, to a
// user, or to one socket.
//
//	npm ci --prefix examples    # once: the client for browsers
//	go run ./examples/embed     # and then http://127.0.0.1:8080, which shows what to send
package main

import (
	"context"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
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

const (
	notificationBytesMax = 16 << 10
	headTimeout          = 10 * time.Second // for a request's head, of a client that may be slow on purpose
	shutdownTimeout      = 10 * time.Second
)

func main() {
	if err := serve(); err != nil {
		slog.Error("embed cannot serve", "error", err)
		os.Exit(1)
	}
}

// serve serves until the process is asked to end.
func serve() error {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on, host:port")
	client := flag.String("client", "examples/node_modules/socket.io-client/dist", "folder dist of the npm package socket.io-client")
	key := flag.String("key", "demo", "what POST /notify wants behind Authorization: Bearer")
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	if _, err := os.Stat(filepath.Join(*client, "socket.io.min.js")); err != nil {
		return fmt.Errorf("the page needs the client for browsers, which `npm ci --prefix examples` fetches: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	io := hub.New(hub.Options{ClientFiles: os.DirFS(*client)})
	io.Use(identify)
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	mux.Handle("/", http.FileServerFS(page))
	mux.Handle("POST /notify", withKey(*key, notify(io)))
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	slog.Info("listening", "addr", l.Addr().String())
	return serveBoth(ctx, io, &http.Server{Handler: mux, ReadHeaderTimeout: headTimeout}, l)
}

// serveBoth serves until ctx is done, or one of the two fails. A client that comes before the hub's loops run is told 503,
// and comes again. At the end the sockets go first, who hear about it, and then the requests.
func serveBoth(ctx context.Context, io *hub.Server, web *http.Server, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- web.Serve(l)
	}()
	err := io.Serve(ctx)
	grace, done := context.WithTimeout(context.Background(), shutdownTimeout)
	defer done()
	err = errors.Join(err, web.Shutdown(grace))
	if webErr := <-ended; !errors.Is(webErr, http.ErrServerClosed) {
		err = errors.Join(err, webErr)
	}
	return err
}

// identify puts a socket into the room of its user, by which all tabs of a user are reached at once, and into that of
// everybody. A real one looks at the session's cookie, in Socket.Handshake.
func identify(s *hub.Socket) error {
	var auth struct{ User string }
	if err := s.Auth(&auth); err != nil || auth.User == "" {
		return errors.New("say who you are: auth.user")
	}
	return s.Join("everybody", "user:"+auth.User)
}

// notification is what the backend sends to POST /notify.
type notification struct {
	To   string `json:"to"` // a room, "everybody" or such as "user:ada", or a socket's id
	Text string `json:"text"`
}

// notify pushes a notification, and answers as soon as it is on its way. That nobody is there is no error.
func notify(io *hub.Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var n notification
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, notificationBytesMax)).Decode(&n); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := io.To(n.To).Emit("notification", n.Text); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}
}

// withKey lets through who knows the key.
func withKey(key string, next http.Handler) http.Handler {
	want := []byte("Bearer " + key)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			http.Error(w, "the key is missing or wrong", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
