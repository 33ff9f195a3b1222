package hub_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"starling/hub"
)

// A chat in a few lines: clients of the stock socket.io-client connect to http://localhost:8080 with
// transports: ["websocket"].
func ExampleServer() {
	type message struct {
		From string `json:"from"`
		Text string `json:"text"`
	}
	io := hub.New(hub.Options{})
	io.OnConnect(func(s *hub.Socket) {
		_ = s.Join("lobby")
		_ = s.To("lobby").Emit("joined", s.ID())
	})
	io.On("message", func(s *hub.Socket, e *hub.Event) { // may block: it has a goroutine
		var m message
		if err := e.Bind(&m); err != nil {
			_ = e.Ack(map[string]string{"error": err.Error()})
			return
		}
		_ = s.To("lobby").Emit("message", m) // everyone in the room but the sender
		_ = e.Ack("ok")
	})
	io.OnDisconnect(func(s *hub.Socket, reason hub.Reason) {
		_ = io.To("lobby").Emit("left", s.ID(), reason)
	})

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := io.ListenAndServe(ctx, ":8080"); err != nil {
		log.Print(err)
	}
}

// What else the port is to serve is an ordinary http.Handler.
func ExampleServer_Serve() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "fine") })
	io := hub.New(hub.Options{Handler: mux, Logger: slog.New(slog.DiscardHandler)})
	if err := io.Listen("127.0.0.1:0"); err != nil { // says what is wrong before anybody is let in
		log.Print(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- io.Serve(ctx) }()

	<-io.Ready()
	resp, err := http.Get("http://" + io.Addr().String() + "/health")
	if err != nil {
		log.Print(err)
		return
	}
	resp.Body.Close()
	fmt.Println(resp.Status)

	cancel() // says goodbye to clients and waits for handlers
	fmt.Println("ended with", <-ended)
	// Output:
	// 200 OK
	// ended with <nil>
}

// Wrong options are reported all at once, before an address is claimed.
func ExampleServer_Listen() {
	io := hub.New(hub.Options{Path: "chat", PingInterval: time.Millisecond})
	fmt.Println(io.Listen(":8080"))
	// Output:
	// hub: Path "chat/" does not begin with a slash
	// hub: PingInterval 1ms is not within 100ms and 24h0m0s
}

// A namespace has handlers of its own. Clients are refused from names that nobody has asked for.
func ExampleServer_Of() {
	io := hub.New(hub.Options{})
	admin := io.Of("/admin")
	admin.On("stats", func(_ *hub.Socket, e *hub.Event) { _ = e.Ack(io.Connections()) })
	fmt.Println(admin.Name(), io.Of("admin") == admin, io.Namespace.Name())
	// Output: /admin true /
}

// A middleware decides who may connect. A ConnectError's data reaches the client's connect_error event.
func ExampleNamespace_Use() {
	io := hub.New(hub.Options{})
	chat := io.Of("/chat")
	chat.Use(func(s *hub.Socket) error {
		var auth struct{ Token string }
		if err := s.Auth(&auth); err != nil {
			return err
		}
		user, err := lookUp(auth.Token) // may take its time
		if err != nil {
			return &hub.ConnectError{Message: "not authorized", Data: map[string]string{"retry": "never"}}
		}
		s.SetData(user)
		return s.Join("user:" + user) // in force when the socket is connected
	})
}

func lookUp(token string) (user string, err error) {
	if token != "secret" {
		return "", errors.New("no such token")
	}
	return "ada", nil
}

// OnLoop is for handlers that are quick: they run where the bytes arrive, without a goroutine and without a copy.
func ExampleNamespace_OnLoop() {
	io := hub.New(hub.Options{})
	io.OnLoop("move", func(s *hub.Socket, e *hub.Event) {
		// A raw argument is passed on as it came, without decoding it. Volatile: a client that cannot keep up
		// gets the next position instead of an old one.
		_ = s.To("game").Volatile().Emit("moved", s.ID(), e.Raw(0))
	})
}

// Rooms, ids and exceptions can be combined. From a socket the sender is left out, from the server nobody is.
func ExampleSocket_To() {
	io := hub.New(hub.Options{})
	io.On("say", func(s *hub.Socket, e *hub.Event) {
		var room, text string
		if e.Bind(&room, &text) != nil {
			return
		}
		_ = s.To(room).Emit("said", text)                       // the room without the sender
		_ = io.To(room).Emit("said", text)                      // the room with the sender
		_ = s.To(room, "moderators").Except("muted").Emit("?")  // two rooms, each member once, less a third
		_ = io.To(s.ID()).Emit("receipt", len(text))            // one socket, from anywhere
		_ = s.Broadcast().Volatile().Emit("typing", s.ID())     // everyone else, who keeps up
		_ = s.Emit("history", []byte("bytes are sent as such")) // the sender alone
	})
}

// An operator can be made once and kept. It reaches whoever is in its rooms at the time of each Emit.
func ExampleBroadcastOperator() {
	io := hub.New(hub.Options{})
	news := io.To("news").Except("muted")
	fmt.Println(news.Emit("headline", map[string]any{"title": "Hello"}))
	fmt.Println(news.Emit("disconnect"))
	// Output:
	// <nil>
	// socketio: reserved event name
}

// A server may ask as well: it waits for the client's acknowledgement.
func ExampleSocket_EmitWithAck() {
	io := hub.New(hub.Options{})
	io.OnConnect(func(s *hub.Socket) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		reply, err := s.EmitWithAck(ctx, "what time is it?")
		if err != nil {
			s.Disconnect(true) // the client is gone already, or has no watch
			return
		}
		var clock string
		if reply.Bind(&clock) == nil {
			s.SetData(clock)
		}
	})
}

// EmitAck asks without waiting: the function is called later, like a handler of the socket.
func ExampleSocket_EmitAck() {
	io := hub.New(hub.Options{})
	io.On("measure", func(s *hub.Socket, _ *hub.Event) {
		sent := time.Now()
		_ = s.EmitAck(time.Second, "echo", func(_ *hub.Reply, err error) {
			if errors.Is(err, hub.ErrAckTimeout) {
				return
			}
			_ = s.Emit("round trip", time.Since(sent).Milliseconds())
		})
	})
}

// An Event is over when its handler returns; its Acker is not.
func ExampleEvent_Acker() {
	io := hub.New(hub.Options{})
	jobs := make(chan func())
	io.OnLoop("resize", func(_ *hub.Socket, e *hub.Event) {
		var image []byte
		if e.Bind(&image) != nil {
			return
		}
		acker := e.Acker()
		if acker == nil {
			return // nobody waits for the answer
		}
		job := func() { _ = acker.Ack(len(image)) }
		select {
		case jobs <- job:
		default: // a handler on the loop must not wait
			_ = acker.Ack("busy")
		}
	})
}
