package hub

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// TestWaitingPollsHaveNoGoroutine: a client that waits for packets costs memory and nothing else.
func TestWaitingPollsHaveNoGoroutine(t *testing.T) {
	s := start(t, Options{Loops: 2}, nil)
	wait := func() {
		conn := dialTCP(t, s)
		answers := bufio.NewReader(conn)
		ask := func(request string) string {
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(r.Body)
			return string(body)
		}
		open := ask("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
		_, rest, _ := strings.Cut(open, `"sid":"`)
		sid, _, _ := strings.Cut(rest, `"`)
		target := "/socket.io/?EIO=4&transport=polling&sid=" + sid + " HTTP/1.1\r\nHost: x\r\n"
		if got := ask("POST " + target + "Content-Length: 2\r\n\r\n40"); got != "ok" {
			t.Fatalf("CONNECT: %q", got)
		}
		if got := ask("GET " + target + "\r\n"); !strings.HasPrefix(got, "40{") {
			t.Fatalf("the answer to CONNECT: %q", got)
		}
		if _, err := fmt.Fprintf(conn, "GET %s\r\n", target); err != nil {
			t.Fatal(err)
		}
	}
	wait()
	before := runtime.NumGoroutine()
	const clients = 200
	for range clients {
		wait()
	}
	what := fmt.Sprintf("all polls wait, and as many goroutines, %d, are there as with one client", before)
	eventually(t, what, func() bool { return s.Connections() == clients+1 && runtime.NumGoroutine() <= before })
}
