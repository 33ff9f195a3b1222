package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"starling/internal/starlingtest"
)

// asProgramEnv makes this test's binary the program itself, for the tests that need a process.
const asProgramEnv = "ECHOSERVER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgramEnv) != "" {
		main()
	}
	os.Exit(m.Run())
}

// start runs an echo server until the test ends, which it must with exit code 0, and returns its address and what ends it
// earlier.
func start(t *testing.T, flags ...string) (addr string, stop func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, outWriter := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer outWriter.Close()
		var errs strings.Builder
		if code := run(ctx, append([]string{"--addr", "127.0.0.1:0"}, flags...), outWriter, &errs); code != 0 {
			t.Errorf("the server ended with %d: %s", code, errs.String())
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
	return announced(t, out), stop
}

// announced reads the line that says where the server listens.
func announced(t *testing.T, out io.Reader) string {
	t.Helper()
	line, err := bufio.NewReader(out).ReadString('\n')
	var ready struct{ Addr string }
	if err = errors.Join(err, json.Unmarshal([]byte(line), &ready)); err != nil {
		t.Fatalf("the server announced %q: %v", line, err)
	}
	return ready.Addr
}

// row is a conversation: what a client sends behind its upgrade, and all that it is to get.
type row struct {
	name string
	in   string // frames, as a picture for starlingtest.Wire
	want string // what comes back before the close frame
	end  string // the close frame; "" if the server has no reason for one, and then the client says goodbye
}

// The close frames of a server that ends a connection, each by its code.
const (
	protocolError  = "88 02 03ea" // 1002
	invalidPayload = "88 02 03ef" // 1007
	policy         = "88 02 03f0" // 1008
	tooBig         = "88 02 03f1" // 1009
)

// splitBytesMax is up to which length an input is cut at each byte; longer ones are cut at random.
const splitBytesMax = 64

// run holds the conversation once in one piece, and again for many ways to cut what the client sends.
func (r row) run(t *testing.T, addr string) bool {
	return t.Run(r.name, func(t *testing.T) {
		in, want := r.bytes()
		hold := converse
		if r.isLarge() {
			hold = echoed
		}
		for _, pieces := range cuts(in) {
			if err := hold(addr, pieces, want); err != nil {
				t.Fatalf("sent in %d pieces, the first of %d bytes: %v", len(pieces), len(pieces[0]), err)
			}
		}
	})
}

func (r row) bytes() (in, want []byte) {
	in, want = starlingtest.Wire(r.in), starlingtest.Wire(r.want+" "+r.end)
	if r.end == "" && !r.isLarge() {
		in = append(in, starlingtest.Wire("88 82 00000000 03e8")...)
		want = append(want, starlingtest.Wire("88 02 03e8")...)
	}
	return in, want
}

// isLarge reports whether the answer is so large that the client says goodbye only once it has all of it.
func (r row) isLarge() bool { return r.end == "" && len(starlingtest.Wire(r.want)) > 64<<10 }

// cuts are the ways in which an input is sent: whole, then, if it is short, in two pieces for each place to cut and byte
// by byte, else in random pieces.
func cuts(in []byte) [][][]byte {
	all := [][][]byte{{in}}
	if len(in) > splitBytesMax {
		for seed := range uint64(5) {
			all = append(all, randomPieces(in, seed))
		}
		return all
	}
	for at := 1; at < len(in); at++ {
		all = append(all, [][]byte{in[:at], in[at:]})
	}
	var single [][]byte
	for i := range in {
		single = append(single, in[i:i+1])
	}
	return append(all, single)
}

// randomPieces cuts in where the seed says, into pieces of up to a quarter but some of a few bytes.
func randomPieces(in []byte, seed uint64) (pieces [][]byte) {
	random := rand.New(rand.NewPCG(seed, uint64(len(in))))
	for len(in) > 0 {
		largest := len(in)/4 + 1
		if random.IntN(4) == 0 {
			largest = min(largest, 16)
		}
		n := 1 + random.IntN(largest)
		pieces, in = append(pieces, in[:n]), in[n:]
	}
	return pieces
}

// converse upgrades a connection, sends the pieces, and wants an answer that ends with the end of the connection.
func converse(addr string, pieces [][]byte, want []byte) error {
	c, err := starlingtest.TryDial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Upgrade("/"); err != nil {
		return err
	}
	go func() { _ = send(c, pieces) }() // what the server does not take shows in what it answers
	if err := c.Expect(want); err != nil {
		return err
	}
	return c.Ends()
}

func send(c *starlingtest.Conn, pieces [][]byte) error {
	for _, piece := range pieces {
		if _, err := c.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

func runRows(t *testing.T, rows []row, flags ...string) {
	t.Helper()
	addr, _ := start(t, flags...)
	failed := 0
	for _, r := range rows {
		if !r.run(t, addr) {
			failed++
		}
		if failed == 5 { // each may have waited for what never comes
			t.Fatal("the rows from here on are left out")
		}
	}
}

func TestShutdownSaysGoodbye(t *testing.T) {
	addr, stop := start(t, "--loops", "2")
	var upgraded []*starlingtest.Conn
	for range 8 {
		c := starlingtest.Dial(t, addr)
		if err := c.Upgrade("/"); err != nil {
			t.Fatal(err)
		}
		upgraded = append(upgraded, c)
	}
	fresh := starlingtest.Dial(t, addr)
	if _, err := io.WriteString(fresh, "GET / HTTP/1.1\r\nHo"); err != nil {
		t.Fatal(err)
	}
	stop()
	for _, c := range upgraded {
		if err := errors.Join(c.Expect(starlingtest.Wire("88 02 03e9")), c.Ends(), c.Close()); err != nil { // 1001
			t.Fatal(err)
		}
	}
	if err := fresh.Ends(); err != nil {
		t.Fatalf("a connection that was not upgraded: %v", err)
	}
}

func TestSIGTERMEndsWith0(t *testing.T) {
	program := exec.Command(os.Args[0], "--addr", "127.0.0.1:0")
	program.Env = append(os.Environ(), asProgramEnv+"=1")
	program.Stderr = os.Stderr
	out, err := program.StdoutPipe()
	if err == nil {
		err = program.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Process.Kill() })
	c := starlingtest.Dial(t, announced(t, out))
	if err := c.Upgrade("/"); err != nil {
		t.Fatal(err)
	}
	if err := program.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Expect(starlingtest.Wire("88 02 03e9")), c.Ends(), c.Close()); err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(); err != nil {
		t.Fatalf("after SIGTERM: %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	taken, _ := start(t)
	for _, tc := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"help", []string{"--help"}, 0, "-message-bytes-max"},
		{"an unknown flag", []string{"--rooms"}, 2, "-rooms"},
		{"a message of no size", []string{"--message-bytes-max", "0"}, 2, "--message-bytes-max must be within 1 and 1073741824, not 0"},
		{"a message of too large a size", []string{"--message-bytes-max", "1073741825"}, 2, "not 1073741825"},
		{"an address in use", []string{"--addr", taken}, 1, "address already in use"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errs strings.Builder
			code := run(t.Context(), tc.args, &out, &errs)
			if code != tc.code || !strings.Contains(errs.String(), tc.says) || out.Len() > 0 {
				t.Errorf("ended with %d, said %q and %q; want %d and %q", code, out.String(), errs.String(), tc.code, tc.says)
			}
		})
	}
}
