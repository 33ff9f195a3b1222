package edge

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

const bannerText = "/*!\n * Socket.IO v4.8.3\n * (c) 2014-2025 Guillermo Rauch\n * Released under the MIT License.\n */\n"

// The files of a bundle with one that is worth compressing and two that are not.
var (
	bundleText = bannerText + strings.Repeat("io();", 400)
	shortText  = bannerText + strings.Repeat("io();", 100)
	mapText    = `{"version":3}`
)

func testBundle(t testing.TB) *Bundle {
	t.Helper()
	b, err := NewBundle(fstest.MapFS{
		"socket.io.js":         {Data: []byte(bundleText)},
		"socket.io.min.js":     {Data: []byte(shortText)},
		"socket.io.min.js.map": {Data: []byte(mapText)},
		"socket.io.esm.min.js": {Data: []byte("export{}")},
		"index.js":             {Data: []byte("not for everyone")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNewBundle(t *testing.T) {
	for _, tt := range []struct {
		name string
		dist fs.FS
		want error
	}{ // with room for 100 bytes
		{"nothing there", fstest.MapFS{}, ErrBundleEmpty},
		{"other files there", fstest.MapFS{"index.js": {}, "dist/socket.io.js": {}, "socket.io.js.gz": {}}, ErrBundleEmpty},
		{"one too large", fstest.MapFS{"socket.io.js": {Data: make([]byte, 101)}}, ErrBundleTooLarge},
		{"too large together", fstest.MapFS{
			"socket.io.js":     {Data: make([]byte, 100)},
			"socket.io.min.js": {Data: make([]byte, 1)},
		}, ErrBundleTooLarge},
		{"folder in its place", fstest.MapFS{"socket.io.js/a": {}}, fs.ErrInvalid},
		{"as large as allowed together", fstest.MapFS{
			"socket.io.js":     {Data: make([]byte, 99)},
			"socket.io.min.js": {Data: make([]byte, 1)},
		}, nil},
		{"as large as allowed", fstest.MapFS{"socket.io.js": {Data: make([]byte, 100)}}, nil},
		{"one file", fstest.MapFS{"socket.io.esm.min.js.map": {}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := newBundle(tt.dist, 100); !errors.Is(err, tt.want) || (b == nil) != (tt.want != nil) {
				t.Errorf("got %v, %v, want %v", b, err, tt.want)
			}
		})
	}
}

func TestBundleOfTooManyMegabytes(t *testing.T) {
	b, err := NewBundle(fstest.MapFS{"socket.io.js": {Data: make([]byte, 8<<20+1)}})
	if !errors.Is(err, ErrBundleTooLarge) || b != nil {
		t.Errorf("got %v, %v", b, err)
	}
}

func TestHas(t *testing.T) {
	all := fstest.MapFS{}
	names := []string{
		"socket.io.js", "socket.io.min.js", "socket.io.msgpack.min.js", "socket.io.esm.min.js",
		"socket.io.js.map", "socket.io.min.js.map", "socket.io.msgpack.min.js.map", "socket.io.esm.min.js.map",
	}
	for _, name := range names {
		all[name] = &fstest.MapFile{Data: []byte(name)}
	}
	b, err := NewBundle(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !b.Has(name) {
			t.Errorf("%s is not there", name)
		}
	}
	for _, name := range []string{"", ".", "/", "socket.io", "Socket.io.js", "/socket.io.js", "../socket.io.js", "socket.io.js/", "socket.io.esm.js"} {
		if b.Has(name) {
			t.Errorf("%q is there", name)
		}
	}
	if testBundle(t).Has("socket.io.msgpack.min.js") {
		t.Error("a file that was not in the file system is there")
	}
}

// serve is the response to a request with the header lines given as name and value in turns.
func serve(t *testing.T, method, target string, header ...string) (res *http.Response, body string) {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	testBundle(t).ServeHTTP(w, r)
	res = w.Result()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// headText is status and headers as they would be sent.
func headText(t *testing.T, res *http.Response) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(res.Status + "\r\n")
	if err := res.Header.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBundleServes(t *testing.T) {
	const (
		js      = "Content-Type: application/javascript; charset=utf-8\r\n"
		json    = "Content-Type: application/json; charset=utf-8\r\n"
		ranges  = "Accept-Ranges: bytes\r\n"
		cache   = "Cache-Control: public, max-age=0\r\n"
		tag     = "Etag: \"4.8.3\"\r\n"
		weakTag = "Etag: W/\"4.8.3\"\r\n"
		vary    = "Vary: Accept-Encoding\r\n"
		fail    = "Content-Type: text/plain; charset=utf-8\r\n"
		nosniff = "X-Content-Type-Options: nosniff\r\n"
		whole   = "200 OK\r\n" + ranges + cache + "Content-Length: 2096\r\n" + js + tag + vary
		notMod  = "304 Not Modified\r\n" + cache + tag + vary
	)
	for _, tt := range []struct {
		name, method, target string
		header               []string
		head, body           string
	}{
		{"whole", "GET", "/socket.io/socket.io.js", nil, whole, bundleText},
		{"no path before it", "GET", "/socket.io.js", nil, whole, bundleText},
		{"query", "GET", "/socket.io/socket.io.js?v=1", nil, whole, bundleText},
		{"HEAD", "HEAD", "/socket.io/socket.io.js", nil, whole, ""},
		{
			"too short for gzip", "GET", "/socket.io/socket.io.min.js",
			[]string{"Accept-Encoding", "gzip"},
			"200 OK\r\n" + ranges + cache + "Content-Length: 596\r\n" + js + tag, shortText,
		},
		{
			"map, which has no version", "GET", "/socket.io/socket.io.min.js.map", nil,
			"200 OK\r\n" + ranges + cache + "Content-Length: 13\r\n" + json + "Etag: \"9af23cea10a478f3bb916ff35c07a36d\"\r\n", mapText,
		},
		{
			"build without banner", "GET", "/socket.io/socket.io.esm.min.js", nil,
			"200 OK\r\n" + ranges + cache + "Content-Length: 8\r\n" + js + "Etag: \"7776e321976f2e306eaf074bc244953a\"\r\n", "export{}",
		},

		{"known", "GET", "/socket.io/socket.io.js", []string{"If-None-Match", `"4.8.3"`}, notMod, ""},
		{"known, weak", "GET", "/socket.io/socket.io.js", []string{"If-None-Match", `W/"4.8.3"`}, notMod, ""},
		{"known, in a list", "GET", "/socket.io/socket.io.js", []string{"If-None-Match", `"4.8.2", W/"4.8.3"`}, notMod, ""},
		{"anything is known", "GET", "/socket.io/socket.io.js", []string{"If-None-Match", "*"}, notMod, ""},
		{"known, HEAD", "HEAD", "/socket.io/socket.io.js", []string{"If-None-Match", `"4.8.3"`}, notMod, ""},
		{
			"known compressed", "GET", "/socket.io/socket.io.js",
			[]string{"If-None-Match", `W/"4.8.3"`, "Accept-Encoding", "gzip"},
			"304 Not Modified\r\n" + cache + weakTag + vary, "",
		},
		{"another is known", "GET", "/socket.io/socket.io.js", []string{"If-None-Match", `"4.8.2"`}, whole, bundleText},
		{"known without quotes", "GET", "/socket.io/socket.io.js", []string{"If-None-Match", "4.8.3"}, whole, bundleText},

		{
			"range", "GET", "/socket.io/socket.io.js",
			[]string{"Range", "bytes=4-18", "Accept-Encoding", "gzip"},
			"206 Partial Content\r\n" + ranges + cache + "Content-Length: 15\r\nContent-Range: bytes 4-18/2096\r\n" + js + tag + vary, " * Socket.IO v4",
		},
		{
			"range of the same", "GET", "/socket.io/socket.io.js",
			[]string{"Range", "bytes=0-1", "If-Range", `"4.8.3"`},
			"206 Partial Content\r\n" + ranges + cache + "Content-Length: 2\r\nContent-Range: bytes 0-1/2096\r\n" + js + tag + vary, "/*",
		},
		{"range of the compressed, which there is not", "GET", "/socket.io/socket.io.js", []string{"Range", "bytes=0-1", "If-Range", `W/"4.8.3"`}, whole, bundleText},
		{
			"range behind the end", "GET", "/socket.io/socket.io.js",
			[]string{"Range", "bytes=2096-"},
			"416 Requested Range Not Satisfiable\r\nContent-Range: bytes */2096\r\n" + fail + vary + nosniff, "invalid range: failed to overlap\n",
		},
		{
			"precondition", "GET", "/socket.io/socket.io.js",
			[]string{"If-Match", `"4.8.2"`},
			"412 Precondition Failed\r\n" + cache + js + tag + vary, "",
		},

		{"POST", "POST", "/socket.io/socket.io.js", nil, "405 Method Not Allowed\r\nAllow: GET, HEAD\r\n" + fail + nosniff, "method not allowed\n"},
		{"OPTIONS", "OPTIONS", "/socket.io/socket.io.js", nil, "405 Method Not Allowed\r\nAllow: GET, HEAD\r\n" + fail + nosniff, "method not allowed\n"},
		{"unknown", "GET", "/socket.io/index.js", nil, "404 Not Found\r\n" + fail + nosniff, "404 page not found\n"},
		{"unknown, POST", "POST", "/socket.io/index.js", nil, "404 Not Found\r\n" + fail + nosniff, "404 page not found\n"},
		{"no name", "GET", "/socket.io/", nil, "404 Not Found\r\n" + fail + nosniff, "404 page not found\n"},
		{"name with a line end", "GET", "/socket.io/socket.io.js%0d%0aX:%20y", nil, "404 Not Found\r\n" + fail + nosniff, "404 page not found\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, body := serve(t, tt.method, tt.target, tt.header...)
			if got := headText(t, res); got != tt.head {
				t.Errorf("got head  %q\nwant head %q", got, tt.head)
			}
			if body != tt.body {
				t.Errorf("got body %q", body)
			}
		})
	}
}

func TestBundleCompressed(t *testing.T) {
	res, body := serve(t, "GET", "/socket.io/socket.io.js", "Accept-Encoding", "gzip, deflate, br")
	const want = "200 OK\r\nAccept-Ranges: bytes\r\nCache-Control: public, max-age=0\r\nContent-Encoding: gzip\r\n" +
		"Content-Type: application/javascript; charset=utf-8\r\nEtag: W/\"4.8.3\"\r\nVary: Accept-Encoding\r\n"
	if got := headText(t, res); got != want {
		t.Errorf("got head  %q\nwant head %q", got, want)
	}
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(z); string(plain) != bundleText || err != nil {
		t.Errorf("the body says %q, %v", plain, err)
	}
	if len(body) > 300 {
		t.Errorf("%d bytes", len(body))
	}
}

func TestWhatDoesNotShrinkIsNotCompressed(t *testing.T) {
	var noise strings.Builder
	for x := uint32(1); noise.Len() < 4<<10; x = x*1664525 + 1013904223 {
		noise.WriteByte(byte(x >> 24))
	}
	if f := newBundleFile("socket.io.js", []byte(noise.String())); f.gzipped() != nil {
		t.Errorf("%d bytes have become %d", len(f.plain), len(f.gzipped()))
	}
}

func TestEntityTag(t *testing.T) {
	for _, tt := range []struct{ name, content, want string }{
		{"as built", bannerText, `"4.8.3"`},
		{"older builds", "/*!\n * Socket.IO v4.0.0-alpha.1+b\n */", `"4.0.0-alpha.1+b"`},
		{"in one line", "/*! Socket.IO v4.8.3 */", `"4.8.3"`},
		{"Windows lines", "/*!\r\n * Socket.IO v4.8.3\r\n */", `"4.8.3"`},
		{"in front of the code", "\n/* Socket.IO v1 */", `"1"`},
		{"empty", "", `"e3b0c44298fc1c149afbf4c8996fb924"`},
		{"a quote in the version", "/*! Socket.IO v4\" */", `"`},
		{"not at the top", "io();" + bannerText, `"`},
		{"too far down", "/*!" + strings.Repeat(" ", 256) + "Socket.IO v4.8.3 */", `"`},
		{"another name", "/*! Engine.IO v4.8.3 */", `"`},
		{"a version that goes on for long", "/*! Socket.IO v" + strings.Repeat("4", 256) + " */", `"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := entityTag([]byte(tt.content))
			if tt.want == `"` { // the hash, which nobody can say by heart
				if len(got) != 34 || strings.ContainsAny(got[1:33], `"./ `) {
					t.Errorf("got %s, want a hash", got)
				}
			} else if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAcceptsGzip(t *testing.T) {
	for _, tt := range []struct {
		lines []string
		want  bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"GZIP"}, true},
		{[]string{"x-gzip"}, true},
		{[]string{"gzip, deflate, br, zstd"}, true},
		{[]string{"br,gzip"}, true},
		{[]string{"br", "gzip"}, true},
		{[]string{"gzip;q=1.0, identity; q=0.5, *;q=0"}, true},
		{[]string{"gzip;q=0.001"}, true},
		{[]string{"gzip ; Q=0.5"}, true},
		{[]string{"*"}, true},
		{[]string{"*;q=0.1"}, true},
		{[]string{"br"}, false},
		{[]string{"identity"}, false},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip;q=0.000"}, false},
		{[]string{"gzip;q=0, *"}, false},
		{[]string{"*, gzip;q=0"}, false},
		{[]string{"*;q=0"}, false},
		{[]string{"gzip;q="}, false},
		{[]string{"gzip;q=x"}, false},
		{[]string{"gzip;q=NaN"}, false},
		{[]string{"gzip;q=-1"}, false},
		{[]string{"gzip;q=2"}, false},
		{[]string{"gzip;level=9"}, false},
		{[]string{"notgzip"}, false},
		{[]string{"gzip br"}, false},
	} {
		if got := AcceptsGzip(tt.lines); got != tt.want {
			t.Errorf("AcceptsGzip(%q) = %v", tt.lines, got)
		}
	}
}

func FuzzBundle(f *testing.F) {
	f.Add("/socket.io/socket.io.js", "GET", "gzip", `"4.8.3"`, "bytes=0-1")
	f.Add("socket.io.min.js", "HEAD", "*;q=0", "*", "bytes=-1,5-,0-0")
	b := testBundle(f)
	f.Fuzz(func(t *testing.T, path, method, encoding, known, part string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL.Path = method, path
		for name, value := range map[string]string{"Accept-Encoding": encoding, "If-None-Match": known, "Range": part} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		switch w.Code {
		case 304:
			if w.Body.Len() != 0 || known == "" {
				t.Fatalf("304 with %d bytes, known %q", w.Body.Len(), known)
			}
		case 200, 206, 404, 405, 416:
		default:
			t.Fatalf("status %d", w.Code)
		}
		for name, values := range w.Header() {
			if !isText(values) {
				t.Fatalf("harmful header %q: %q", name, values)
			}
		}
	})
}
