package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool runs a program over a file, if the machine has the program, and returns what it says.
func tool(t *testing.T, name string, args ...string) (said string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s here", name)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// file writes text to a file of that name.
func file(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSystemdTakesTheUnit(t *testing.T) {
	binary, err := exec.LookPath("true") // systemd wants the programs to be there
	if err != nil {
		t.Skip(err)
	}
	unit := strings.ReplaceAll(body(t, "systemd"), "/usr/local/bin/starling", binary)
	if said := tool(t, "systemd-analyze", "verify", file(t, "starling.service", unit)); strings.Contains(said, "starling.service") {
		t.Errorf("it says:\n%s", said)
	}
}

func TestNginxTakesItsFile(t *testing.T) {
	conf := file(t, "nginx.conf", body(t, "nginx"))
	dir := filepath.Dir(conf)
	tool(t, "nginx", "-t", "-c", conf, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-g", "pid "+filepath.Join(dir, "pid")+";")
}

func TestHAProxyTakesItsFile(t *testing.T) {
	tool(t, "haproxy", "-c", "-f", file(t, "haproxy.cfg", body(t, "haproxy")))
}

func TestCaddyTakesItsFile(t *testing.T) {
	version := strings.TrimPrefix(tool(t, "caddy", "version"), "v")
	if strings.HasPrefix(version, "2.6.") {
		t.Skip("stream_close_delay came with Caddy 2.7")
	}
	t.Setenv("HOME", t.TempDir())
	tool(t, "caddy", "validate", "--adapter", "caddyfile", "--config", file(t, "Caddyfile", body(t, "caddy")))
}
