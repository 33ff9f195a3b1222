package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"starling/deploy"
)

func TestInit(t *testing.T) {
	for _, tc := range []struct{ name, file string }{
		{"systemd", "starling.service"},
		{"sysctl", "99-starling.conf"},
		{"docker", "Dockerfile"},
		{"compose", "docker-compose.yaml"},
		{"caddy", "Caddyfile"},
		{"nginx", "nginx.conf"},
		{"haproxy", "haproxy.cfg"},
		{"kubernetes", "kubernetes.yaml"},
		{"config", "starling.yaml"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join("..", "..", "deploy", tc.file))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := starling(nil, "init", tc.name), (outcome{exitOK, string(body), ""}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	want := outcome{exitUsage, "", `starling: there is no file for "helm", but for ` + strings.Join(deploy.Names(), ", ") + "\n"}
	if got := starling(nil, "init", "helm"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestConfigsAreRight holds the files that people begin with against what serve takes.
func TestConfigsAreRight(t *testing.T) {
	config, _ := deploy.File("config")
	kubernetes, _ := deploy.File("kubernetes")
	for name, content := range map[string]string{"config": string(config), "kubernetes": configMap(string(kubernetes))} {
		t.Run(name, func(t *testing.T) {
			if p := parse(t, nil, "serve", "--config", write(t, content)); p.err != nil || len(p.src.file.entries) < 5 {
				t.Errorf("%d settings, and %v", len(p.src.file.entries), p.err)
			}
		})
	}
}

// configMap cuts the settings out of a manifest, where they are the block of lines behind "starling.yaml: |".
func configMap(manifest string) string {
	_, rest, _ := strings.Cut(manifest, "  starling.yaml: |\n")
	var b strings.Builder
	for line := range strings.Lines(rest) {
		text, inside := strings.CutPrefix(line, "    ")
		if !inside && strings.TrimSpace(line) != "" {
			break
		}
		b.WriteString(text)
	}
	return b.String()
}
