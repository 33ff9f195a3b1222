package edge

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bundleNames are the files of the client that the reference server serves.
var bundleNames = []string{
	"socket.io.js", "socket.io.js.map",
	"socket.io.min.js", "socket.io.min.js.map",
	"socket.io.msgpack.min.js", "socket.io.msgpack.min.js.map",
	"socket.io.esm.min.js", "socket.io.esm.min.js.map",
}

// Bundle serves the browser builds of the client, under whatever path the caller strips.
type Bundle struct {
	files map[string]*bundleFile
}

// bundleFile is a file of the bundle as it is sent.
type bundleFile struct {
	plain       []byte
	gzipped     func() []byte // made at the first call; nil if it is no gain
	tag         string        // the entity tag in its quotes
	contentType string
}

// NewBundle reads the files of the bundle, those of them that are there, from the root of dist, which is not needed
// afterwards. A file is compressed when it is first asked for: a start has no tenth of a second for all of them, with
// clients that wait for the server to come back. Its errors are ErrBundleEmpty, ErrBundleTooLarge and those of dist.
func NewBundle(dist fs.FS) (*Bundle, error) { return newBundle(dist, bundleBytesMax) }

func newBundle(dist fs.FS, left int) (*Bundle, error) {
	b := &Bundle{files: map[string]*bundleFile{}}
	for _, name := range bundleNames {
		content, err := readAtMost(dist, name, left)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("edge: client bundle: %w", err)
		}
		left -= len(content)
		b.files[name] = newBundleFile(name, content)
	}
	if len(b.files) == 0 {
		return nil, ErrBundleEmpty
	}
	return b, nil
}

// readAtMost reads a file of at most bytesMax.
func readAtMost(dist fs.FS, name string, bytesMax int) ([]byte, error) {
	f, err := dist.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, int64(bytesMax)+1))
	if err == nil && len(content) > bytesMax {
		err = ErrBundleTooLarge
	}
	return content, err
}

func newBundleFile(name string, content []byte) *bundleFile {
	f := &bundleFile{plain: content, tag: entityTag(content), contentType: "application/javascript; charset=utf-8"}
	if strings.HasSuffix(name, ".map") {
		f.contentType = "application/json; charset=utf-8"
	}
	f.gzipped = sync.OnceValue(func() []byte {
		if len(content) < gzipBytesMin {
			return nil
		}
		if gzipped := compress(content); len(gzipped) < len(content) {
			return gzipped
		}
		return nil
	})
	return f
}

// banner is the comment with the version that the builds of the client begin with.
var banner = regexp.MustCompile(`^\s*/\*!?\s[\s*]*Socket\.IO v([0-9A-Za-z.+-]+)\s`)

// entityTag is the client's version, as with the reference server, and the hash of what does not say its version.
func entityTag(content []byte) string {
	if found := banner.FindSubmatch(content[:min(len(content), bannerBytesMax)]); found != nil {
		return `"` + string(found[1]) + `"`
	}
	sum := sha256.Sum256(content)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

func compress(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// Has tells whether the bundle has a file of that name, for instance "socket.io.min.js".
func (b *Bundle) Has(name string) bool { return b.files[name] != nil }

// ServeHTTP serves the file that the last element of the path names: it is part of http.Handler. It answers conditional
// requests, ranges, and GET and HEAD only.
func (b *Bundle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := b.files[path.Base(r.URL.Path)]
	switch {
	case f == nil:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	default:
		f.serve(w, r)
	}
}

func (f *bundleFile) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=0")
	h.Set("Content-Type", f.contentType)
	h.Set("Etag", f.tag)
	content := f.plain
	if gzipped := f.gzipped(); gzipped != nil {
		h.Add("Vary", "Accept-Encoding")
		// A range is always one of the plain file: parts of both encodings must not end up in one copy.
		if r.Header.Get("Range") == "" && AcceptsGzip(r.Header["Accept-Encoding"]) {
			content = gzipped
			h.Set("Content-Encoding", "gzip")
			h.Set("Etag", "W/"+f.tag) // the same content in other bytes (RFC 9110 8.8.1)
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// AcceptsGzip reads the lines of Accept-Encoding (RFC 9110 12.5.3) as far as they concern gzip.
func AcceptsGzip(values []string) bool {
	anything := false
	for _, line := range values {
		for element := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(element, ";")
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				return weight(params) > 0
			case "*":
				anything = weight(params) > 0
			}
		}
	}
	return anything
}

// weight reads what may stand behind a coding: ;q= and a number (RFC 9110 12.4.2). What cannot be read counts as 0, with
// which the client gets what everybody understands.
func weight(params string) float64 {
	params = strings.TrimSpace(params)
	if params == "" {
		return 1
	}
	text, ok := strings.CutPrefix(strings.ToLower(params), "q=")
	q, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || q > 1 {
		return 0
	}
	return q
}
