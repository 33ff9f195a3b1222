package deploy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"starling/deploy"
)

// besides are the files of this folder that nobody asks for by a name.
var besides = []string{"README.md", "Dockerfile.dockerignore"}

func TestFile(t *testing.T) {
	for _, tc := range []struct{ name, file, says string }{
		{"systemd", "starling.service", "ExecStart=/usr/local/bin/starling serve"},
		{"sysctl", "99-starling.conf", "net.core.somaxconn ="},
		{"docker", "Dockerfile", "FROM "},
		{"compose", "docker-compose.yaml", "services:"},
		{"caddy", "Caddyfile", "reverse_proxy "},
		{"nginx", "nginx.conf", "proxy_pass "},
		{"haproxy", "haproxy.cfg", "backend starling"},
		{"kubernetes", "kubernetes.yaml", "kind: Deployment"},
		{"config", "starling.yaml", "jwt-secret-file:"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body, ok := deploy.File(tc.name)
			if !ok || !strings.Contains(string(body), tc.says) {
				t.Errorf("%v: %.200q lacks %q", ok, body, tc.says)
			}
			if got := deploy.FileName(tc.name); got != tc.file {
				t.Errorf("it is called %q, not %q", got, tc.file)
			}
			if !slices.Contains(deploy.Names(), tc.name) {
				t.Errorf("%q is not among %q", tc.name, deploy.Names())
			}
		})
	}
	if body, ok := deploy.File("helm"); ok || body != nil || deploy.FileName("helm") != "" {
		t.Errorf("there is a file %q", body)
	}
}

// TestEveryFileHasANameAndARow finds a file that was added to the folder and to nothing else.
func TestEveryFileHasANameAndARow(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, name := range deploy.Names() {
		file := deploy.FileName(name)
		named = append(named, file)
		if !bytes.Contains(readme, []byte("| ["+file+"]("+file+") | `"+name+"` |")) {
			t.Errorf("README.md has no row for %s, which is %q", file, name)
		}
	}
	found, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() || filepath.Ext(file) == ".go" || slices.Contains(besides, file) {
			continue
		}
		if !slices.Contains(named, file) {
			t.Errorf("%s has no name", file)
		}
	}
}

// body is a file that there is.
func body(t *testing.T, name string) string {
	t.Helper()
	b, ok := deploy.File(name)
	if !ok {
		t.Fatalf("there is no %q", name)
	}
	return string(b)
}
