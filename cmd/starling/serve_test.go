package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"starling/gateway"
	"starling/gateway/access"
	"starling/gateway/webhook"
	"starling/internal/starlingtest"
)

// TestEachFlagReachesTheGateway gives each flag a value of its own.
func TestEachFlagReachesTheGateway(t *testing.T) {
	c := serveFlags{
		Dev: true, JWTSecret: "a", JWTSecretFile: []string{"b"}, JWTPublicKeyFile: []string{"c"}, JWKSURL: "d", JWKSRefresh: time.Second,
		JWTAlgorithms: []string{"e"}, JWTIssuer: "f", JWTAudience: "g", JWTLeeway: 2 * time.Second, TokenQuery: "h", Anonymous: true,
		Namespaces: []string{"i"}, ClientEvents: []string{"j"}, EventsRate: 1, EventsBurst: 2, BytesRate: 3, BytesBurst: 4,
		ConnectionsPerUserMax: 5, ConnectionsPerAddressMax: 6, RoomsPerSocketMax: 7,
		APIAddr: "k", APIKeys: []string{"l"}, APIKeyFile: "m", APIEventBytesMax: 8, MetricsPublic: true, Pprof: true,
		WebhookURL: "n", WebhookSecret: "o", WebhookSecretFile: []string{"p"}, WebhookHooks: []string{"q"}, WebhookEvents: []string{"r"},
		WebhookTimeout: 3 * time.Second, WebhookRate: 9, WebhookQueueMax: 10, WebhookInFlightMax: 11, MemoryMax: 12,
	}
	c.Addr, c.Path = "s", "t"
	log := slog.New(slog.DiscardHandler)
	opts := c.options(log)
	opts.SessionsPerAddressMax = 6
	want := gateway.Config{
		Addr: "s", Hub: opts, Namespaces: []string{"i"},
		Tokens: &access.VerifierConfig{
			HMACSecrets: [][]byte{[]byte("a")}, HMACSecretFiles: []string{"b"}, PublicKeyFiles: []string{"c"}, JWKSURL: "d", JWKSRefresh: time.Second,
			Algorithms: []string{"e"}, Issuer: "f", Audience: "g", Leeway: 2 * time.Second, Logger: log,
		},
		TokenQuery: "h", Anonymous: true, Dev: true,
		ClientEvents: []string{"j"}, EventsRate: 1, EventsBurst: 2, BytesRate: 3, BytesBurst: 4, SocketsPerUserMax: 5, RoomsPerSocketMax: 7,
		Webhook: &webhook.Config{
			URL: "n", Secrets: [][]byte{[]byte("o")}, Version: versionText(), Timeout: 3 * time.Second, RateMax: 9, QueueMax: 10, InFlightMax: 11, Logger: log,
		},
		WebhookSecretFiles: []string{"p"}, Hooks: []string{"q"}, WebhookEvents: []string{"r"},
		APIAddr: "k", APIKeys: []string{"l"}, APIKeyFile: "m", EventBytesMax: 8, MetricsPublic: true, Pprof: true,
		MemoryMax: 12, Version: versionText(), Logger: log,
	}
	if got := c.gatewayConfig(log); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestPartsThatAreOff has what nobody asked for be off in the gateway too.
func TestPartsThatAreOff(t *testing.T) {
	c := parse(t, nil, "serve", "--anonymous", "--api-addr=").cli.Serve
	got := c.gatewayConfig(slog.New(slog.DiscardHandler))
	if got.Tokens != nil || got.Webhook != nil || got.Hooks != nil || got.WebhookEvents != nil || got.APIAddr != "" || got.Dev {
		t.Errorf("got %+v", got)
	}
}

// life has a server serve until its log says that it is listening, and returns what the log said from beginning to end.
func life(t *testing.T, serve func(ctx context.Context, logTo io.Writer) error) (told []string) {
	t.Helper()
	return lifeWith(t, serve, func(heard logged, stop func()) {
		if heard.Msg == "listening" {
			stop()
		}
	})
}

// logged is what matters here of a line of the log.
type logged struct{ Msg, Addr string }

// lifeWith has a server serve until hear, which hears each line of its log before it goes on, calls stop, or until it ends by
// itself. All addresses in the log are to be of this machine.
func lifeWith(t *testing.T, serve func(ctx context.Context, logTo io.Writer) error, hear func(heard logged, stop func())) (told []string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log, logTo := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- serve(ctx, logTo)
		logTo.Close()
	}()
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var entry logged
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if entry.Addr != "" && !localAddr.MatchString(entry.Addr) {
			t.Errorf("%s: %s", entry.Msg, entry.Addr)
		}
		told = append(told, entry.Msg)
		hear(entry, stop)
	}
	if err := <-served; err != nil {
		t.Errorf("it ends with %v", err)
	}
	return told
}

var localAddr = regexp.MustCompile(`^127\.0\.0\.1:[1-9]\d*$`)

// serving is life with starling serve; printed is what it wrote to standard output.
func serving(t *testing.T, args ...string) (told []string, printed string) {
	t.Helper()
	var out strings.Builder
	told = life(t, serveWith(t, &out, args...))
	return told, out.String()
}

// serveWith is starling serve for life, with its standard output.
func serveWith(t *testing.T, out io.Writer, args ...string) func(context.Context, io.Writer) error {
	t.Helper()
	p := parse(t, nil, append([]string{"serve", "--log-format=json", "--addr=127.0.0.1:0"}, args...)...)
	if p.err != nil {
		t.Fatal(p.err)
	}
	return func(ctx context.Context, logTo io.Writer) error {
		return p.cli.Serve.serve(ctx, p.cli.Serve.logger(logTo), out, nil)
	}
}

// TestRoomapp has the log tell the life of a server, from the address to the orderly end.
func TestRoomapp(t *testing.T) {
	c := parse(t, nil, "roomapp", "--addr=127.0.0.1:0", "--log-format=json").cli.Roomapp
	told := life(t, func(ctx context.Context, logTo io.Writer) error { return c.serve(ctx, c.logger(logTo)) })
	if got := strings.Join(told, ", "); got != "listening, stopping, stopped" {
		t.Errorf("the log told: %s", got)
	}
}

func TestServe(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"with a control API", []string{"--anonymous", "--api-addr=127.0.0.1:0", "--api-keys=0123456789abcdef"}, "control API listening, listening, stopping, stopped"},
		{"without", []string{"--anonymous", "--api-addr="}, "listening, stopping, stopped"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			told, out := serving(t, tc.args...)
			if got := strings.Join(told, ", "); got != tc.want || out != "" {
				t.Errorf("the log told: %s; and printed was %q; want %s", got, out, tc.want)
			}
		})
	}
}

// TestGreeting has what --dev prints, to the letter.
func TestGreeting(t *testing.T) {
	defer func(v string) { version = v }(version)
	version = "v1.2.3"
	release, err := exec.Command("uname", "-r").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := exec.Command("sh", "-c", "ulimit -Hn").Output() // to which the server has raised its own
	if err != nil {
		t.Fatal(err)
	}
	first := fmt.Sprintf("starling v1.2.3  socket.io v4 clients on  http://localhost:PORT   (open files %s, 2 loops, %s %s)\n",
		bytes.TrimSpace(files), runtime.GOOS, bytes.TrimSpace(release))
	for _, tc := range []struct {
		name, api, want string
	}{
		{"with a control API", "127.0.0.1:0", first +
			"control API      http://localhost:PORT    key dev_KEY   (this run only)\n" +
			"playground       http://localhost:PORT/   <- open me\n" +
			"try:  curl -H 'Authorization: Bearer dev_KEY' localhost:PORT/v1/broadcast -d '{\"event\":\"hi\",\"data\":{\"n\":1}}'\n"},
		{"without", "", first},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, out := serving(t, "--dev", "--loops=2", "--api-addr="+tc.api)
			out = regexp.MustCompile(`localhost:\d+`).ReplaceAllString(out, "localhost:PORT")
			out = regexp.MustCompile(`dev_[0-9a-f]{32}`).ReplaceAllString(out, "dev_KEY")
			if out != tc.want {
				t.Errorf("got %q, want %q", out, tc.want)
			}
		})
	}
}

// TestServeWarns of what is no mistake, and may be one all the same.
func TestServeWarns(t *testing.T) {
	const public, unsigned = "--dev is not for this machine alone: whoever reaches it may do nearly everything",
		"webhooks are not signed, so that the backend cannot tell who calls: give --webhook-secret-file"
	for _, tc := range []struct {
		name, args string
		want       []string
	}{
		{"nothing", "--anonymous --api-addr=", nil},
		{"development", "--dev", nil},
		{"development on localhost", "--dev --addr=localhost:8080 --api-addr=[::1]:9090", nil},
		{"development without a control API", "--dev --api-addr=", nil},
		{"development for everybody", "--dev --addr=:8080", []string{public}},
		{"its control API for everybody", "--dev --api-addr=0.0.0.0:9090", []string{public}},
		{"webhooks", "--dev --webhook-url=https://example.com", []string{unsigned}},
		{"webhooks that are signed", "--dev --webhook-url=https://example.com --webhook-secret-file=a", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := parse(t, nil, append([]string{"serve"}, strings.Fields(tc.args)...)...)
			if p.err != nil {
				t.Fatal(p.err)
			}
			var log strings.Builder
			p.cli.Serve.warn(slog.New(slog.NewJSONHandler(&log, nil)))
			var got []string
			for line := range strings.Lines(log.String()) {
				var entry struct{ Level, Msg string }
				if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level != "WARN" {
					t.Errorf("%q: %v", line, err)
				}
				got = append(got, entry.Msg)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// reloading is a gateway that has its keys read again.
type reloading struct{ err error }

func (r reloading) Reload() error { return r.err }

func TestReload(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"well", nil, "level=INFO msg=\"keys and secrets were read again\"\n"},
		{"badly", errors.New("open keys: gone"), "level=ERROR msg=\"some keys or secrets cannot be read again and stay as they are\" error=\"open keys: gone\"\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log strings.Builder
			hangups := make(chan os.Signal, 1)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			gone := make(chan struct{})
			go func() {
				reloadAt(ctx, hangups, told{reloading{tc.err}, done}, slog.New(slog.NewTextHandler(&log, nil)))
				close(gone)
			}()
			hangups <- syscall.SIGHUP
			<-done
			cancel()
			<-gone
			if got := withoutTime(log.String()); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// told closes done when it was reloaded.
type told struct {
	reloading
	done chan struct{}
}

func (r told) Reload() error {
	close(r.done)
	return r.reloading.Reload()
}

// systemd is the socket on which systemd hears of a service.
type systemd struct{ *net.UnixConn }

// listenAsSystemd has what the test starts tell its socket.
func listenAsSystemd(t *testing.T) systemd {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return systemd{socket}
}

// hears expects messages that have come, and no others.
func (s systemd) hears(t *testing.T, messages ...string) {
	t.Helper()
	for _, want := range messages {
		message := make([]byte, 256)
		n, err := s.Read(message)
		if err != nil || !regexp.MustCompile(`^`+want+`$`).Match(message[:n]) {
			t.Errorf("systemd heard %q, %v; want %s", message[:n], err, want)
		}
	}
	raw, err := s.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	more := make([]byte, 256)
	if err := raw.Read(func(fd uintptr) bool {
		if n, _, err := syscall.Recvfrom(int(fd), more, syscall.MSG_DONTWAIT); err != syscall.EAGAIN {
			t.Errorf("systemd heard more: %q, %v", more[:max(n, 0)], err)
		}
		return true
	}); err != nil {
		t.Error(err)
	}
}

// TestSystemd has systemd hear of a server's life, and of a reload.
func TestSystemd(t *testing.T) {
	systemd := listenAsSystemd(t)
	serving(t, "--anonymous", "--api-addr=")
	reload(reloading{}, slog.New(slog.DiscardHandler))
	systemd.hears(t, `READY=1`, `STOPPING=1`, `RELOADING=1\nMONOTONIC_USEC=\d+\n`, `READY=1`)
}

// TestDrainByTheControlAPI has the log and systemd hear of a drain when it begins, and systemd how long it may take: it would kill
// what takes longer than its own time for a stop. The signal that ends it all the same is told to nobody.
func TestDrainByTheControlAPI(t *testing.T) {
	systemd := listenAsSystemd(t)
	var api string
	answered := make(chan error, 1)
	told := lifeWith(t, serveWith(t, io.Discard, "--anonymous", "--api-addr=127.0.0.1:0", "--api-keys=0123456789abcdef", "--drain-timeout=20s"),
		func(heard logged, stop func()) {
			switch heard.Msg {
			case "control API listening":
				api = heard.Addr
			case "listening":
				for range 2 { // the first one leaves at once, the second one after half of the hour
					if err := starlingtest.Dial(t, heard.Addr).Upgrade("/socket.io/?EIO=4&transport=websocket"); err != nil {
						t.Error(err)
					}
				}
				go func() { answered <- askForDrain(api) }() // while its lines are heard
			case "stopping":
				systemd.hears(t, `READY=1`, `STOPPING=1\nEXTEND_TIMEOUT_USEC=3650000000`) // 1h, 20s, and 30s more
				stop()
			}
		})
	if err := <-answered; err != nil {
		t.Error(err)
	}
	systemd.hears(t)
	if got := strings.Join(told, ", "); got != "control API listening, listening, the control API asks for a drain, stopping, stopped" {
		t.Errorf("the log told: %s", got)
	}
}

// askForDrain asks a control API for a drain of an hour.
func askForDrain(api string) error {
	req, err := http.NewRequest(http.MethodPost, "http://"+api+"/v1/drain?over=1h", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer 0123456789abcdef")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// TestSystemdThatIsGone has a server go on all the same.
func TestSystemdThatIsGone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	told, _ := serving(t, "--anonymous", "--api-addr=")
	if got := strings.Join(told, ", "); got != "listening, systemd cannot be told, systemd cannot be told, stopping, stopped" {
		t.Errorf("the log told: %s", got)
	}
}
