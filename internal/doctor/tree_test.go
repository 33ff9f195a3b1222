package doctor_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"starling/deploy"
	"starling/eventloop"
	"starling/hub"
	"starling/internal/doctor"
)

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func result(t *testing.T, r doctor.Report, name string) doctor.Result {
	t.Helper()
	for _, result := range r.Results {
		if result.Check == name {
			return result
		}
	}
	t.Fatalf("there is no check %q", name)
	return doctor.Result{}
}

// TestFilesAreWhatAdmissionWants: the doctor's arithmetic is that of the engine, from both sides.
func TestFilesAreWhatAdmissionWants(t *testing.T) {
	err := hub.New(hub.Options{ConnectionsMax: math.MaxInt32, Logger: silent()}).Listen("127.0.0.1:0")
	var refused *hub.FilesError
	if !errors.As(err, &refused) {
		t.Skipf("this machine opens as many files as anybody could want: %v", err)
	}
	sys := doctor.ThisSystem()
	sys.OpenFiles = func() (soft, hard uint64, err error) { return uint64(refused.Files), uint64(refused.Files), nil }
	for n, want := range map[int]doctor.Verdict{refused.Fit: doctor.Pass, refused.Fit + 1: doctor.Fail} {
		if got := result(t, doctor.Run(t.Context(), doctor.Settings{Connections: n}, sys), "open files (RLIMIT_NOFILE)"); got.Verdict != want {
			t.Errorf("%d connections of %d files: %+v, and the engine admits %d", n, refused.Files, got, refused.Fit)
		}
	}
}

// TestDefaultsAreTheServers: what the memory is reckoned with, and the path that is tried, are what the server has.
func TestDefaultsAreTheServers(t *testing.T) {
	given := doctor.Settings{OutboundPerConnMax: eventloop.OutboundBytesPerConnMax, OutboundMax: eventloop.OutboundBytesMax}
	sys := doctor.ThisSystem()
	sys.OS, sys.Files = "linux", fstest.MapFS{}
	if none, some := doctor.Run(t.Context(), doctor.Settings{}, sys), doctor.Run(t.Context(), given, sys); none.Memory.String() != some.Memory.String() {
		t.Errorf("without settings\n%s\nand with the server's\n%s", none.Memory, some.Memory)
	}
}

// TestKernelFileIsEnough: who has copied deploy/99-starling.conf has nothing left to be told about it.
func TestKernelFileIsEnough(t *testing.T) {
	conf, ok := deploy.File("sysctl")
	if !ok {
		t.Fatal("there is no such file")
	}
	root, names := fstest.MapFS{}, []string{}
	for line := range strings.Lines(string(conf)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok && !strings.HasPrefix(line, "#") {
			name = strings.TrimPrefix(name, "-")
			names = append(names, name)
			root["proc/sys/"+strings.ReplaceAll(name, ".", "/")] = &fstest.MapFile{Data: []byte(value + "\n")}
		}
	}
	sys := doctor.ThisSystem()
	sys.OS, sys.Files = "linux", root
	sys.OpenFiles = func() (soft, hard uint64, err error) { return 1024, 1 << 20, nil }
	const most = 500_000
	r := doctor.Run(t.Context(), doctor.Settings{Connections: most, Addr: ":8080", APIAddr: "127.0.0.1:9090"}, sys)
	known := 0
	for _, name := range names {
		for _, result := range r.Results {
			if result.Check != name {
				continue
			}
			known++
			// No range has half a million ports: that takes several addresses, which the doctor says.
			if result.Verdict != doctor.Pass && name != "net.ipv4.ip_local_port_range" {
				t.Errorf("of %d connections: %+v", most, result)
			}
		}
	}
	if known < 15 {
		t.Errorf("of %q the doctor knows only %d", names, known)
	}
}

// TestThroughARealServer has the trial go to a server of ours with nothing in between.
func TestThroughARealServer(t *testing.T) {
	io := hub.New(hub.Options{PingInterval: hub.TimeMin, PingTimeout: time.Minute, Logger: silent()})
	if err := io.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- io.Serve(ctx) }()
	<-io.Ready()
	r := doctor.Run(t.Context(), doctor.Settings{URL: "http://" + io.Addr().String(), Slow: true, Hold: 3 * hub.TimeMin}, doctor.ThisSystem())
	for name, found := range map[string]string{
		"proxy: polling": "a session, heartbeat 1m0.1s", "proxy: WebSocket": "an upgrade", "proxy: sessions": "6 of 6 found again",
		"proxy: idle connections": `alive after 3\d\dms`,
	} {
		if got := result(t, r, name); got.Verdict != doctor.Pass || !regexp.MustCompile("^"+found+"$").MatchString(got.Found) {
			t.Errorf("%+v, want %s", got, found)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestThisSystem asks the machine that the test runs on.
func TestThisSystem(t *testing.T) {
	sys := doctor.ThisSystem()
	soft, hard, err := sys.OpenFiles()
	if err != nil || soft == 0 || hard < soft || sys.Release == "" || sys.Page < 4096 || sys.CPUs < 1 || sys.Procs < 1 {
		t.Errorf("%d to %d files, %v; %+v", soft, hard, err, sys)
	}
	if want := sys.OS + " " + sys.Release + ", " + strconv.Itoa(sys.CPUs) + " CPU"; !strings.HasPrefix(sys.String(), want) {
		t.Errorf("it is %q, not %q", sys, want)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if err := sys.Wait(ctx, time.Hour); !errors.Is(err, enough) {
		t.Errorf("an interrupted wait says %v", err)
	}
	if err := sys.Wait(t.Context(), time.Microsecond); err != nil {
		t.Errorf("a wait says %v", err)
	}
}
