package main

import (
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// update has tests write the files that they would compare with.
var update = flag.Bool("update", false, "write docs/CONFIG.md and testdata instead of comparing with them")

// compare holds a text against a file.
func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is another (-update would write it); got\n%s", file, got)
	}
}

// TestConfigPrint has each kind of origin and of value in a file of its own.
func TestConfigPrint(t *testing.T) {
	file := write(t, "loops: 2\nwebhook-url: https://me:secret@example.com/hook?key=secret\nwebhook-secret: "+testSecret+"\nclient-events: [chat, 'a: b', 'true']\n")
	got := starling([]string{"STARLING_JWT_SECRET=" + testSecret, "STARLING_JWKS_URL=https://example.com/jwks", "STARLING_DRAIN_TIME=90s"},
		"config", "print", "--config", file, "--api-keys", "0123456789abcdef,fedcba9876543210", "--jwt-issuer", "")
	if got.code != exitOK || got.err != "" {
		t.Fatalf("got %+v", got)
	}
	compare(t, filepath.Join("testdata", "config-print.yaml"), strings.ReplaceAll(got.out, file, "starling.yaml"))
	if strings.Contains(got.out, testSecret) || strings.Contains(got.out, "0123456789abcdef") || strings.Contains(got.out, "://me") || strings.Contains(got.out, "key=") {
		t.Error("a secret is printed")
	}
}

// TestConfigPrintOfURLs has a URL that may be shown be a setting, and any other a comment, so that the file can be used.
func TestConfigPrintOfURLs(t *testing.T) {
	for _, tc := range []struct{ name, url, want string }{
		{"nothing to hide", "HTTPS://example.com/hook", `webhook-url: "HTTPS://example.com/hook"      # flag`},
		{"a token", "https://token@example.com/hook", `# webhook-url: https://(set)@example.com/hook # flag`},
		{"none", "", `webhook-url: ""                              # flag`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := starling(nil, "config", "print", "--dev", "--webhook-url="+tc.url)
			if got.code != exitOK || !slices.Contains(strings.Split(got.out, "\n"), tc.want) {
				t.Errorf("got %+v, want the line %s", got, tc.want)
			}
		})
	}
}

// TestConfigPrintIsAFile has settings that were printed be read again as what they were.
func TestConfigPrintIsAFile(t *testing.T) {
	var args []string
	for name, value := range other {
		if name != "config" && name != "jwt-secret" && name != "api-keys" && name != "webhook-secret" {
			args = append(args, "--"+name+"="+value)
		}
	}
	once := starling(nil, append([]string{"config", "print"}, args...)...)
	twice := starling(nil, "config", "print", "--config", write(t, once.out))
	if once.code != exitOK || twice.code != exitOK {
		t.Fatalf("%+v, and then %+v", once, twice)
	}
	origin := regexp.MustCompile(`(?m) +# (default|flag|file .*)$`)
	if a, b := origin.ReplaceAllString(once.out, ""), origin.ReplaceAllString(twice.out, ""); a != b || strings.Count(once.out, "# default") != 3 {
		t.Errorf("printed once:\n%s\nprinted twice:\n%s", a, b)
	}
}

func TestConfigPrintOfMistakes(t *testing.T) {
	want := outcome{exitUsage, "", "starling: --loops must be within 0 and 256, not 257 (env STARLING_LOOPS)\n"}
	if got := starling([]string{"STARLING_LOOPS=257"}, "config", "print", "--dev"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestConfigCheck has mistakes that only those find who would use the settings.
func TestConfigCheck(t *testing.T) {
	secret, short := keep(t, testSecret), keep(t, "short")
	private, public := keyPair(t)
	keys := keep(t, "keys:\n  - {name: backend, key: 0123456789abcdef, scopes: [publish]}\n")
	for _, tc := range []struct {
		name string
		args []string
		want string // "" for none
	}{
		{"development", []string{"--dev"}, ""},
		{"an address that somebody has", []string{"--dev", "--addr=192.0.2.1:80", "--api-addr=192.0.2.1:81"}, ""},
		{"more connections than files", []string{"--dev", "--connections-max=2000000000"}, ""},
		{"files", []string{"--jwt-secret-file", secret, "--jwt-public-key-file", keep(t, public), "--api-key-file", keys, "--webhook-url=https://example.com", "--webhook-secret-file", secret}, ""},
		{"a secret that is short", []string{"--dev", "--jwt-secret-file", short}, short + ": a secret has at least 32 bytes; openssl rand -base64 32 makes one"},
		{"a secret that is not there", []string{"--dev", "--jwt-secret-file", "/nowhere"}, "open /nowhere: no such file or directory"},
		{"a private key", []string{"--dev", "--jwt-public-key-file", keep(t, private)}, "this is a private key; a server that verifies has the public one only (openssl pkey -pubout)"},
		{"a key of no allowed algorithm", []string{"--dev", "--jwt-public-key-file", keep(t, public), "--jwt-algorithms=RS256"}, "the key fits none of the allowed algorithms"},
		{"keys that are not there", []string{"--dev", "--api-key-file", "/nowhere"}, "file of API keys: open /nowhere: no such file or directory"},
		{"keys without scopes", []string{"--dev", "--api-key-file", keep(t, "keys:\n  - {name: a, key: 0123456789abcdef}\n")}, "a: scopes has one or more of publish, read, manage"},
		{"a secret of webhooks that is not there", []string{"--dev", "--webhook-url=https://example.com", "--webhook-secret-file=/nowhere"}, "open /nowhere: no such file or directory"},
		{"a secret of webhooks that is short", []string{"--dev", "--webhook-url=https://example.com", "--webhook-secret-file", short}, "webhook: a secret has to have 32 bytes or more"},
		{"pages of everywhere", []string{"--dev", "--origins=https://*.*"}, `--origins: "https://*.*": a wildcard can only stand for the first labels of a host name: https://*.example.com`},
		{"cookies for everywhere", []string{"--dev", "--credentials"}, "--origins: credentials go to listed origins only, not to *"},
		{"a proxy that is none", []string{"--dev", "--trusted-proxies=10.0.0.0/99"}, `--trusted-proxies: "10.0.0.0/99": not an address, a CIDR range, loopback or private`},
		{"a cookie that browsers drop", []string{"--dev", "--cookie=__Host-io"}, "--cookie: browsers drop a __Secure- or __Host- cookie without what its name promises"},
		{"a notice that clients cannot have", []string{"--dev", "--shutdown-notice=disconnect"}, `--shutdown-notice "disconnect" is a reserved event`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := starling(nil, append([]string{"config", "check"}, tc.args...)...)
			if tc.want == "" {
				if want := (outcome{exitOK, "the settings are right\n", ""}); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				return
			}
			if got.code != exitUsage || got.out != "" || !strings.HasPrefix(got.err, "starling: ") || !strings.HasSuffix(got.err, tc.want+"\n") || strings.Count(got.err, "\n") != 1 {
				t.Errorf("got %+v, want %q", got, tc.want)
			}
		})
	}
}

// TestConfigCheckTellsAllParts has something wrong with each part that reads files or looks at its options.
func TestConfigCheckTellsAllParts(t *testing.T) {
	got := starling(nil, "config", "check", "--jwt-secret-file=/nowhere/a", "--api-key-file=/nowhere/b", "--webhook-url=https://example.com",
		"--webhook-secret-file=/nowhere/c,/nowhere/d", "--trusted-proxies=x")
	const gone = ": no such file or directory\n"
	want := outcome{exitUsage, "", "starling: open /nowhere/a" + gone + "starling: file of API keys: open /nowhere/b" + gone +
		"starling: open /nowhere/c" + gone + "starling: open /nowhere/d" + gone +
		"starling: --trusted-proxies: \"x\": not an address, a CIDR range, loopback or private\n"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestConfigCheckFetchesKeys has an endpoint that serves keys, and others that serve none.
func TestConfigCheckFetchesKeys(t *testing.T) {
	const keys = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}` // RFC 8037 A.2
	for _, tc := range []struct {
		name   string
		status int
		body   string
		cause  string // in the log of what is wrong; "" if nothing is
	}{
		{"keys", http.StatusOK, keys, ""},
		{"no such page", http.StatusNotFound, "", "404 Not Found"},
		{"no keys", http.StatusOK, `{"keys":[]}`, "level=WARN"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			defer endpoint.Close()
			got := starling(nil, "config", "check", "--api-addr=", "--jwks-url="+endpoint.URL+"/secret")
			if tc.cause == "" {
				if want := (outcome{exitOK, "the settings are right\n", ""}); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				return
			}
			const want = "\nstarling: --jwks-url: the keys for tokens could not be fetched yet\n"
			if got.code != exitUsage || got.out != "" || !strings.HasSuffix(got.err, want) || !strings.Contains(got.err, tc.cause) || strings.Contains(got.err, "secret") {
				t.Errorf("got %+v, want a cause with %q and %q", got, tc.cause, want)
			}
		})
	}
}

func TestYAMLOf(t *testing.T) {
	for _, tc := range []struct {
		value any
		want  string
	}{
		{"", `""`},
		{"text", "text"},
		{"/socket.io/", "/socket.io/"},
		{"true", `"true"`},
		{"Off", `"Off"`},
		{"null", `"null"`},
		{"12", `"12"`},
		{":8080", `":8080"`},
		{"a: b", `"a: b"`},
		{"a<b>&", `"a<b>&"`},
		{"ü\n\"", `"ü\n\""`},
		{[]string{}, "[]"},
		{[]string{"a", "b,c", "*"}, `[a, "b,c", "*"]`},
		{true, "true"},
		{12, "12"},
	} {
		if got := yamlOf(tc.value); got != tc.want {
			t.Errorf("%#v: got %s, want %s", tc.value, got, tc.want)
		}
	}
}
