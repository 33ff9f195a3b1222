package wsproto

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// What the response says of an offer that is taken.
const (
	accepted   = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	acceptedAt = accepted + "; server_max_window_bits=15"
)

// offerRows are header lines of a request, and what the response has.
var offerRows = []struct {
	name  string
	lines []string
	want  string
}{
	{"none", nil, ""},
	{"Chrome, Firefox, and the ws package", extensions("permessage-deflate; client_max_window_bits"), accepted},
	{"Safari", extensions("permessage-deflate"), accepted},
	{"what we answer", extensions(accepted), accepted},
	{"without spaces", extensions("permessage-deflate;client_max_window_bits=15;server_no_context_takeover"), accepted},
	{"spaces and tabs everywhere", extensions(" \t permessage-deflate \t ; \t client_max_window_bits \t = \t 9 \t ; client_no_context_takeover \t "), accepted},
	{"a header in capitals", []string{"SEC-WEBSOCKET-EXTENSIONS: permessage-deflate"}, accepted},
	{"a quoted value", extensions(`permessage-deflate; client_max_window_bits="10"`), accepted},

	// RFC 7692 7.1.2: windows.
	{"any window of the client's", extensions("permessage-deflate; client_max_window_bits=8"), accepted},
	{"our window", extensions("permessage-deflate; server_max_window_bits=15"), acceptedAt},
	{"our window, quoted", extensions(`permessage-deflate; server_max_window_bits="15"; client_max_window_bits`), acceptedAt},
	{"less than our window", extensions("permessage-deflate; server_max_window_bits=14"), ""},
	{"the least window", extensions("permessage-deflate; server_max_window_bits=8"), ""},
	{"less than our window, and then whatever", extensions("permessage-deflate; server_max_window_bits=10, permessage-deflate"), accepted},
	{"our window without its size", extensions("permessage-deflate; server_max_window_bits"), ""},
	{"a window of 7", extensions("permessage-deflate; client_max_window_bits=7"), ""},
	{"a window of 16", extensions("permessage-deflate; client_max_window_bits=16"), ""},
	{"our window of 16", extensions("permessage-deflate; server_max_window_bits=16"), ""},
	{"a leading zero", extensions("permessage-deflate; client_max_window_bits=09"), ""},
	{"a leading zero in ours", extensions("permessage-deflate; server_max_window_bits=015"), ""},
	{"a sign", extensions("permessage-deflate; client_max_window_bits=+9"), ""},
	{"a window of no digits", extensions("permessage-deflate; client_max_window_bits=ten"), ""},
	{"a window of nothing", extensions(`permessage-deflate; client_max_window_bits=""`), ""},
	{"a window that wraps", extensions("permessage-deflate; client_max_window_bits=18446744073709551625"), ""},

	// RFC 7692 7.1: what is unknown, twice, or has a value that it must not have.
	{"an unknown parameter", extensions("permessage-deflate; x"), ""},
	{"a parameter in capitals", extensions("permessage-deflate; Server_No_Context_Takeover"), ""},
	{"a value for server_no_context_takeover", extensions("permessage-deflate; server_no_context_takeover=1"), ""},
	{"a value for client_no_context_takeover", extensions(`permessage-deflate; client_no_context_takeover="true"`), ""},
	{"server_no_context_takeover twice", extensions("permessage-deflate; server_no_context_takeover; server_no_context_takeover"), ""},
	{"client_no_context_takeover twice", extensions("permessage-deflate; client_no_context_takeover; client_no_context_takeover"), ""},
	{"client_max_window_bits twice", extensions("permessage-deflate; client_max_window_bits; client_max_window_bits"), ""},
	{"client_max_window_bits twice, of which one has a value", extensions("permessage-deflate; client_max_window_bits=10; client_max_window_bits"), ""},
	{"server_max_window_bits twice", extensions("permessage-deflate; server_max_window_bits=15; server_max_window_bits=15"), ""},

	// Several offers.
	{"a second offer", extensions("permessage-deflate; x, permessage-deflate"), accepted},
	{"the first of two", extensions("permessage-deflate; server_max_window_bits=15, permessage-deflate"), acceptedAt},
	{"among others", extensions(`x-webkit-deflate-frame, foo; bar="a, \"b; c", permessage-deflate; client_max_window_bits, bbf-usp-protocol`), accepted},
	{"in a second line", extensions("permessage-deflate; x", "foo, permessage-deflate"), accepted},
	{"the first of two lines", extensions("permessage-deflate", "permessage-deflate; server_max_window_bits=15"), accepted},
	{"in the last of three lines", extensions("", "x", "permessage-deflate"), accepted},
	{"empty elements", extensions(", ,\t,permessage-deflate,,"), accepted},

	// What is no list of offers costs what follows in its line.
	{"nothing", extensions(""), ""},
	{"commas", extensions(",,,"), ""},
	{"a semicolon for a comma", extensions("foo; permessage-deflate"), ""},
	{"no semicolon", extensions("permessage-deflate client_max_window_bits"), ""},
	{"a semicolon and no parameter", extensions("permessage-deflate;"), ""},
	{"two semicolons", extensions("permessage-deflate;; client_max_window_bits"), ""},
	{"a value and no parameter", extensions("permessage-deflate; =10"), ""},
	{"no value", extensions("permessage-deflate; client_max_window_bits="), ""},
	{"no value, and another offer", extensions("foo; bar=, permessage-deflate"), ""},
	{"two values", extensions("permessage-deflate; client_max_window_bits=10=11"), ""},
	{"a value behind a quoted value", extensions(`permessage-deflate; client_max_window_bits="10"11`), ""},
	{"a quote without end", extensions(`foo; bar="baz, permessage-deflate`), ""},
	{"a quote whose end is escaped", extensions(`foo; bar="baz\", permessage-deflate`), ""},
	{"a backslash at the end", extensions(`foo; bar="\`), ""},
	{"a quoted extension", extensions(`"permessage-deflate"`), ""},
	{"a comment", extensions("permessage-deflate (fast)"), ""},
	{"an offer behind what is malformed", extensions("foo bar, permessage-deflate"), ""},
	{"an offer in the line behind what is malformed", extensions("foo bar", "permessage-deflate"), accepted},
	{"an offer before what is malformed", extensions(`permessage-deflate, foo "`), accepted},

	// Names that are more than names elsewhere, and what is meant to take long.
	{"constructor", extensions("constructor"), ""},
	{"toString", extensions("toString"), ""},
	{"__proto__", extensions("__proto__"), ""},
	{"a parameter constructor", extensions("foo; constructor", "permessage-deflate; constructor"), ""},
	{"permessage-deflate and more", extensions("permessage-deflate-frame, xpermessage-deflate"), ""},
	{"15,000 spaces", extensions("b" + strings.Repeat(" ", 15_000) + "x"), ""},
	{"15,000 spaces in an offer", extensions("permessage-deflate" + strings.Repeat(" ", 15_000) + "; client_max_window_bits"), accepted},
	{"15,000 commas", extensions(strings.Repeat(",", 15_000) + "permessage-deflate"), accepted},
	{"700 offers", extensions(strings.Repeat("permessage-deflate; x,", 700) + "permessage-deflate"), accepted},
	{"7,000 parameters", extensions("permessage-deflate" + strings.Repeat(";x", 7_000)), ""},
	{"15,000 backslashes", extensions(`foo; x="` + strings.Repeat(`\`, 15_000)), ""},
	{"90 lines", extensions(append(strings.Split(strings.Repeat("permessage-deflate; x\n", 90), "\n")[:90], "permessage-deflate")...), accepted},
}

// extensions is a header line for each value.
func extensions(values ...string) []string {
	var lines []string
	for _, value := range values {
		lines = append(lines, "Sec-WebSocket-Extensions: "+value)
	}
	return lines
}

// acceptDeflate is a decide that wants compression.
func acceptDeflate(h *Handshake) error {
	h.AcceptDeflate()
	return nil
}

func TestAcceptDeflate(t *testing.T) {
	for _, row := range offerRows {
		t.Run(row.name, func(t *testing.T) {
			head := []byte(goodHead)
			if len(row.lines) > 0 {
				head = []byte(adding(row.lines...))
			}
			want := goodResponse
			if row.want != "" {
				want = strings.TrimSuffix(goodResponse, "\r\n") + "Sec-WebSocket-Extensions: " + row.want + "\r\n\r\n"
			}
			got, err := Upgrade(nil, head, func(h *Handshake) error {
				for range 2 { // once or twice, all the same
					if h.AcceptDeflate() != (row.want != "") {
						t.Error("AcceptDeflate and the response are to differ")
					}
				}
				return nil
			})
			if err != nil || string(got) != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
			if got, err := Upgrade(nil, head, nil); err != nil || string(got) != goodResponse {
				t.Errorf("unasked: got %q, %v", got, err)
			}
		})
	}
}

// TestAcceptDeflateBesides wants the caller's headers beside the extension in a
// 101, and no extension in a refusal.
func TestAcceptDeflateBesides(t *testing.T) {
	head := []byte(adding(extensions("permessage-deflate")...))
	for _, refusal := range []error{nil, &Refusal{Status: http.StatusForbidden}, errors.New("out of order")} {
		response, err := Upgrade(nil, head, func(h *Handshake) error {
			h.AddHeader("X-Before", "1")
			h.AcceptDeflate()
			h.AddHeader("X-Behind", "2")
			return refusal
		})
		if err != refusal {
			t.Fatalf("got %v, want %v", err, refusal)
		}
		got := readOne(t, response)
		if (got.Header.Get("Sec-WebSocket-Extensions") == accepted) != (refusal == nil) {
			t.Errorf("with %v the response has %v", refusal, got.Header)
		}
		if got.Header.Get("X-Before") != "1" || got.Header.Get("X-Behind") != "2" {
			t.Errorf("with %v the response has %v", refusal, got.Header)
		}
	}
}

// slowOffer and slowParameter are the lists of RFC 6455 9.1 as expressions.
var (
	slowOffer = regexp.MustCompile(strings.NewReplacer("TOKEN", "[!#-'*+.0-9A-Z^-z|~-]+", "_", "[ \t]*").Replace(
		`(?s)^[ \t,]*(TOKEN)((?:_;_TOKEN(?:_=_(?:TOKEN|"(?:[^"\\]|\\.)*"))?)*)_(?:,|$)`))
	slowParameter = regexp.MustCompile(strings.NewReplacer("TOKEN", "[!#-'*+.0-9A-Z^-z|~-]+", "_", "[ \t]*").Replace(
		`(?s);_(TOKEN)(?:_(=)_(?:(TOKEN)|"((?:[^"\\]|\\.)*)"))?`))
)

// slowAnswer is the obvious twin of answerToOffers.
func slowAnswer(list string) string {
	for {
		offer := slowOffer.FindStringSubmatch(list)
		if offer == nil {
			return ""
		}
		if offer[1] == "permessage-deflate" {
			seen, ok := map[string]string{}, true
			for _, p := range slowParameter.FindAllStringSubmatch(offer[2], -1) {
				name, value := p[1], p[2]+p[3]+p[4]
				_, twice := seen[name]
				seen[name] = value
				ok = ok && !twice && slowParameterOK(name, value)
			}
			if _, windowed := seen["server_max_window_bits"]; ok && windowed {
				return acceptedAt
			}
			if ok {
				return accepted
			}
		}
		list = list[len(offer[0]):]
	}
}

// slowParameterOK judges a parameter; its value has the equals sign.
func slowParameterOK(name, value string) bool {
	switch name {
	case "server_no_context_takeover", "client_no_context_takeover":
		return value == ""
	case "client_max_window_bits":
		return regexp.MustCompile(`^(=([89]|1[0-5]))?$`).MatchString(value)
	default:
		return name == "server_max_window_bits" && value == "=15"
	}
}

// FuzzAcceptDeflate reads offers of the fuzzer's, in two lines, and wants what
// the expressions find.
func FuzzAcceptDeflate(f *testing.F) {
	for _, row := range offerRows {
		if all := strings.Join(row.lines, "\n"); len(all) < 512 {
			first, second, _ := strings.Cut(strings.ReplaceAll(all, "Sec-WebSocket-Extensions: ", ""), "\n")
			f.Add(first, second)
		}
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		response, err := Upgrade(nil, []byte(adding(extensions(first, second)...)), acceptDeflate)
		if err != nil { // for what the head must not hold
			if _, bare := Upgrade(nil, []byte(adding(extensions(first, second)...)), nil); bare != err {
				t.Fatalf("%q and %q: %v, and without compression %v", first, second, err, bare)
			}
			return
		}
		want := slowAnswer(first)
		if want == "" {
			want = slowAnswer(second)
		}
		if got := readOne(t, response).Header.Get("Sec-WebSocket-Extensions"); got != want {
			t.Fatalf("%q and %q: got %q, want %q", first, second, got, want)
		}
	})
}

func BenchmarkAcceptDeflate(b *testing.B) {
	heads := map[string][]byte{
		"browser": browserHead,
		"hostile": []byte(adding(extensions(strings.Repeat("permessage-deflate; x,", 700))...)),
	}
	for name, head := range heads {
		for decision, decide := range map[string]func(*Handshake) error{"without": nil, "with": acceptDeflate} {
			b.Run(fmt.Sprintf("%s/%s", name, decision), func(b *testing.B) {
				dst := make([]byte, 0, 512)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Upgrade(dst, head, decide); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
