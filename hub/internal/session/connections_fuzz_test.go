package session

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fuzzSettings let pages of another origin in, so that something of their requests is echoed, agree to compression, and add
// a header. What is held by nobody any more would show (see finished).
const fuzzSettings = "origins=https://good.example credentials= cookie=io deflate total=1 headers=X-A:1"

// FuzzConnections has clients send anything, dealt out to connections on one loop or two and cut at arbitrary places, while
// there is a session whose id they know. Whatever they get must be whole responses with nothing in them that they have
// chosen, but for what CORS echoes, and then frames; each refusal of Engine.IO's must be told once; and when they have gone
// nothing of them may be left. On a single connection the cuts must make no difference.
func FuzzConnections(f *testing.F) {
	for i, seed := range fuzzSeeds(f) {
		f.Add(seed, []byte{200, 3, 77, 255, 0, 18, 5, 60, 9, 130}, byte(i))
	}
	f.Fuzz(func(t *testing.T, sent, cuts []byte, shape byte) {
		loops, conns := 1+int(shape&1), 1+int(shape>>1&3)
		cut := converse(t, loops, conns, sent, cuts)
		if conns > 1 {
			return
		}
		whole := converse(t, loops, conns, sent, nil)
		if !whole.begins(cut) && !cut.begins(whole) {
			t.Fatalf("whole:\n%s\ncut:\n%s", whole, cut)
		}
	})
}

// heard is what came of a conversation on one connection.
type heard struct {
	answers []string
	notes   []string
	ended   bool // the server has ended the connection
}

func (h heard) String() string {
	return strings.Join(slices.Concat(h.answers, h.notes), "\n")
}

// begins reports whether other is the same, or more of the same where this one's connection has ended early: as it does
// when a body is still to come and nobody wants it.
func (h heard) begins(other heard) bool {
	if len(h.answers) == len(other.answers) && len(h.notes) == len(other.notes) {
		return slices.Equal(h.answers, other.answers) && slices.Equal(h.notes, other.notes)
	}
	return h.ended && isPrefix(h.answers, other.answers) && isPrefix(h.notes, other.notes)
}

func isPrefix(a, b []string) bool { return len(a) <= len(b) && slices.Equal(a, b[:len(a)]) }

// converse has the conversation, and checks all that was said. A cut chooses a connection and a length.
func converse(t *testing.T, loops, conns int, sent, cuts []byte) heard {
	k := newTalk(t)
	k.restart(fmt.Sprintf("%s loops=%d", fuzzSettings, loops))
	told := map[int]int{}
	causes := [CausesCount]uint64{}
	k.tables[0].cfg.Refused = func(r Refusal) { told[r.Status]++; causes[r.Cause]++ }
	k.begin("0")
	for i := range conns {
		k.open(fmt.Sprint((i + 1) % loops))
	}
	mine := k.ends[1:]
	for len(sent) > 0 {
		n, to := len(sent), 0
		if len(cuts) > 0 {
			n, to, cuts = min(n, 1+int(cuts[0])), int(cuts[0])%conns, cuts[1:]
		}
		k.end = mine[to]
		k.send(sent[:n])
		sent = sent[n:]
	}
	k.end = k.ends[0]
	for _, u := range k.uppers {
		if !u.closed {
			k.on(u.table.loop, func() { u.Finish(append(u.Begin(), "last"...)) })
		}
	}
	for _, t := range k.tables {
		for c, n := range t.Stats().Refused {
			causes[c] -= n
		}
	}
	if causes != [CausesCount]uint64{} {
		t.Fatalf("told of %v refusals more than counted", causes)
	}
	var result heard
	for _, e := range mine {
		result.answers = append(result.answers, readAnswers(t, e.peer.Got)...)
		result.ended = e.peer.Closed || e.peer.ShutByUs
	}
	delete(told, http.StatusNotFound) // nobody hears of what is not Engine.IO's
	if refused := refusals(result.answers); !maps.Equal(refused, told) {
		t.Fatalf("refused with %v, told of %v:\n%s", refused, told, result)
	}
	if n := len(result.answers); result.ended && loops > 1 && n > 0 && result.answers[n-1] >= "4" {
		// What a loop finds wrong with a body and what another one knows of its session may come in any order; and a
		// connection cannot go to its session's loop while the answer before is not written yet.
		result.answers = result.answers[:n-1]
	}
	result.notes = slices.Clone(k.lines)
	for _, e := range k.ends {
		e.peer.Hangup(io.EOF)
		e.peer.Got = nil
	}
	k.sims[0].Advance(k.duration("80s")) // longer than a heartbeat
	k.finished()
	return result
}

// refusals counts the answers that refuse a request of Engine.IO's, by status.
func refusals(answers []string) map[int]int {
	found := map[int]int{}
	for _, answer := range answers {
		var status int
		if n, _ := fmt.Sscanf(answer, "%d ", &status); n == 1 && status >= 400 && status != http.StatusNotFound {
			found[status]++
		}
	}
	return found
}

// answerHeaders are the headers that an answer may have.
var answerHeaders = []string{
	"Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin",
	"Allow", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Retry-After",
	"Sec-Websocket-Accept", "Sec-Websocket-Extensions", "Sec-Websocket-Version", "Set-Cookie", "Upgrade", "Vary", "X-A",
}

// readAnswers takes apart what a peer has got, with net/http as the judge of responses. Interim ones are left out, and so
// is whether the connection is to end: both may depend on how a request arrived.
func readAnswers(t *testing.T, got []byte, also ...string) (answers []string) {
	for bytes.HasPrefix(got, []byte("HTTP/")) {
		response, n := readAnswer(t, got, also)
		got = got[n:]
		if response.StatusCode != http.StatusContinue {
			response.Header.Del("Connection")
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, fmt.Sprintf("%s %q %q", response.Status, response.Header, body))
		}
		if response.StatusCode == http.StatusSwitchingProtocols {
			return append(answers, readFrames(t, got)...)
		}
	}
	if len(got) > 0 {
		t.Fatalf("behind the answers stands %q", got)
	}
	return answers
}

// readAnswer reads one response. The answer to a HEAD has a length and no body: what follows it is the next answer, with
// which no body of ours begins, or nothing.
func readAnswer(t *testing.T, got []byte, also []string) (*http.Response, int) {
	request := &http.Request{Method: http.MethodGet}
	_, rest, _ := bytes.Cut(got, []byte("\r\n\r\n"))
	if len(rest) == 0 || bytes.HasPrefix(rest, []byte("HTTP/")) {
		request.Method = http.MethodHead
	}
	in := bytes.NewReader(got)
	buffered := bufio.NewReader(in)
	response, err := http.ReadResponse(buffered, request)
	if err != nil {
		t.Fatalf("%v: %q", err, got)
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		response.Body = http.NoBody
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%v: %q", err, got)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	for name, values := range response.Header {
		if slices.ContainsFunc(also, func(other string) bool { return strings.EqualFold(name, other) }) {
			continue
		}
		if !slices.Contains(answerHeaders, name) || len(values) != 1 {
			t.Fatalf("header %s: %q", name, values)
		}
	}
	if response.Proto != "HTTP/1.1" || response.TransferEncoding != nil || response.ContentLength < 0 && response.StatusCode >= 200 && response.StatusCode != http.StatusNoContent {
		t.Fatalf("a response whose end is not told: %q", got)
	}
	return response, len(got) - in.Len() - buffered.Buffered()
}

// readFrames takes frames apart.
func readFrames(t *testing.T, got []byte) (frames []string) {
	for len(got) > 0 {
		header, size := frameHeader(got)
		if header == 0 || len(got) < header+size || got[1]&0x80 != 0 || got[0]&0x30 != 0 {
			t.Fatalf("no frame: %q", got)
		}
		frames = append(frames, fmt.Sprintf("%q", got[:header+size]))
		got = got[header+size:]
	}
	return frames
}

// fuzzSeeds are what the peers of the conversations send, block by block.
func fuzzSeeds(f *testing.F) (seeds [][]byte) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no conversations: %v", err)
	}
	sending := []string{"get", "poll", "post", "upgrade", "send", "text", "binary", "ping", "pong", "close"}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, b := range parseBlocks(string(content)) {
			var sent []byte
			k := &talk{t: f, sink: &sent}
			for _, line := range b.head {
				if name, _, _ := strings.Cut(line, " "); slices.Contains(sending, name) {
					k.command(line)
				}
			}
			if 0 < len(sent) && len(sent) < 4<<10 {
				seeds = append(seeds, sent)
			}
		}
	}
	return seeds
}
