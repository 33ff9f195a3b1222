// Package deploy has the files that it takes to run Starling: units, images, the kernel's settings, proxies in front.
// Whoever has nothing but the binary gets them from there.
package deploy

import (
	"embed"
	"maps"
	"slices"
)

//go:embed 99-starling.conf starling.service starling.yaml Dockerfile docker-compose.yaml kubernetes.yaml nginx.conf haproxy.cfg Caddyfile
var files embed.FS

// names are what each file is asked for by.
var names = map[string]string{
	"systemd":    "starling.service",
	"sysctl":     "99-starling.conf",
	"docker":     "Dockerfile",
	"compose":    "docker-compose.yaml",
	"caddy":      "Caddyfile",
	"nginx":      "nginx.conf",
	"haproxy":    "haproxy.cfg",
	"kubernetes": "kubernetes.yaml",
	"config":     "starling.yaml",
}

// Names are the names that [File] knows, sorted.
func Names() []string { return slices.Sorted(maps.Keys(names)) }

// File is the content of the file with that name, which is one of [Names]; ok is false for any other. The body is the caller's.
func File(name string) (body []byte, ok bool) {
	file, ok := names[name]
	if !ok {
		return nil, false
	}
	body, err := files.ReadFile(file)
	return body, err == nil
}

// FileName is what the file with that name is called in a folder, "" if there is none.
func FileName(name string) string { return names[name] }
