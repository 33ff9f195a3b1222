package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"starling/hub"
)

// settings are the flags of `starling serve` that the configs may use, by the kind of their values.
var settings = map[string]any{
	"addr": "", "trusted-proxies": []any{}, "origins": []any{}, "api-addr": "", "api-key-file": "", "jwt-secret-file": []any{},
	"drain-time": time.Duration(0), "drain-timeout": time.Duration(0), "connect-rate": 0, "outbound-per-conn-max": 0, "outbound-max": 0,
	"connections-per-user-max": 0, "connections-per-address-max": 0, "log-format": "", "log-level": "",
}

// config is a config by the names of its settings.
type config map[string]any

func parseConfig(t *testing.T, text string) config {
	t.Helper()
	var c config
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// duration is a setting that is a time.
func (c config) duration(t *testing.T, name string) time.Duration {
	t.Helper()
	text, _ := c[name].(string)
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return d
}

// drain is how long a SIGTERM may take.
func (c config) drain(t *testing.T) time.Duration {
	t.Helper()
	return c.duration(t, "drain-time") + c.duration(t, "drain-timeout")
}

// kubernetes are the parts of kubernetes.yaml that have to agree with others.
type kubernetes struct {
	config     config
	deployment struct {
		Spec struct {
			Template struct {
				Spec struct {
					Grace      int `yaml:"terminationGracePeriodSeconds"`
					Containers []struct {
						Args  []string
						Ports []struct {
							Name string
							Port int `yaml:"containerPort"`
						}
						Readiness probe `yaml:"readinessProbe"`
						Liveness  probe `yaml:"livenessProbe"`
						Mounts    []struct {
							Name string
							Path string `yaml:"mountPath"`
						} `yaml:"volumeMounts"`
					}
				}
			}
		}
	}
}

type probe struct {
	HTTP struct{ Path, Port string } `yaml:"httpGet"`
}

func parseKubernetes(t *testing.T) (k kubernetes) {
	t.Helper()
	for doc := range strings.SplitSeq(body(t, "kubernetes"), "\n---\n") {
		var head struct {
			Kind string
			Data map[string]string
		}
		if err := yaml.Unmarshal([]byte(doc), &head); err != nil {
			t.Fatal(err)
		}
		switch head.Kind {
		case "ConfigMap":
			k.config = parseConfig(t, head.Data["starling.yaml"])
		case "Deployment":
			if err := yaml.Unmarshal([]byte(doc), &k.deployment); err != nil {
				t.Fatal(err)
			}
		}
	}
	if k.config == nil || len(k.deployment.Spec.Template.Spec.Containers) != 1 {
		t.Fatal("there is no config, or not one container")
	}
	return k
}

func TestConfigsNameFlags(t *testing.T) {
	for name, c := range map[string]config{"starling.yaml": parseConfig(t, body(t, "config")), "kubernetes.yaml": parseKubernetes(t).config} {
		for key, value := range c {
			switch want := settings[key].(type) {
			case nil:
				t.Errorf("%s: there is no --%s", name, key)
			case string:
				if _, ok := value.(string); !ok {
					t.Errorf("%s: %s is %v, not a text", name, key, value)
				}
			case []any:
				if list, ok := value.([]any); !ok || len(list) == 0 {
					t.Errorf("%s: %s is %v, not a list", name, key, value)
				}
			case time.Duration:
				c.duration(t, key)
			case int:
				if _, ok := value.(uint64); !ok {
					t.Errorf("%s: %s is %v, not a number", name, key, value)
				}
			default:
				t.Errorf("%s: %s is a %T", name, key, want)
			}
		}
	}
}

// first is what the first group of a pattern matches in a file.
func first(t *testing.T, name, pattern string) string {
	t.Helper()
	m := regexp.MustCompile("(?m)" + pattern).FindStringSubmatch(body(t, name))
	if m == nil {
		t.Fatalf("%s has no %s", name, pattern)
	}
	return m[1]
}

func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Second
}

// TestWhoeverStopsWaitsForTheDrain: who kills before the drain is over makes all clients that are left come back at once.
func TestWhoeverStopsWaitsForTheDrain(t *testing.T) {
	k := parseKubernetes(t)
	// The config drains nobody, and says how long a server may that is not alone.
	c := parseConfig(t, body(t, "config"))
	drain := max(c.duration(t, "drain-time"), seconds(t, first(t, "config", `take (\d+)s where another server`))) + c.duration(t, "drain-timeout")
	for _, tc := range []struct {
		name         string
		waits, drain time.Duration
	}{
		{"systemd", seconds(t, first(t, "systemd", `^TimeoutStopSec=(\d+)$`)), drain},
		{"compose", seconds(t, first(t, "compose", `^ +stop_grace_period: (\d+)s$`)), drain},
		{"kubernetes", time.Duration(k.deployment.Spec.Template.Spec.Grace) * time.Second, k.config.drain(t)},
	} {
		if spare := tc.waits - tc.drain; spare < 10*time.Second {
			t.Errorf("%s waits for %v, and the drain may take %v", tc.name, tc.waits, tc.drain)
		}
	}
}

// TestProxiesOutlastTheHeartbeat: a connection on which nothing is said between two heartbeats must live.
func TestProxiesOutlastTheHeartbeat(t *testing.T) {
	for _, tc := range []struct{ name, pattern string }{
		{"nginx", `^\s+proxy_read_timeout (\d+)s;$`},
		{"nginx", `^\s+proxy_send_timeout (\d+)s;$`},
		{"haproxy", `^\ttimeout client (\d+)s$`},
		{"haproxy", `^\ttimeout server (\d+)s$`},
		{"haproxy", `^#\ttimeout client (\d+)s$`},
		{"haproxy", `^#\ttimeout server (\d+)s$`},
	} {
		if got := seconds(t, first(t, tc.name, tc.pattern)); got <= hub.PingIntervalDefault+hub.PingTimeoutDefault {
			t.Errorf("%s: %v for %s", tc.name, got, tc.pattern)
		}
	}
	if megabytes := first(t, "nginx", `^\s+client_max_body_size (\d+)m;$`); megabytes != "1" || hub.PayloadBytesMaxDefault > 1<<20 {
		t.Errorf("nginx takes %s MiB of what clients may send, %d bytes", megabytes, hub.PayloadBytesMaxDefault)
	}
}

func TestKubernetesAsksTheControlListener(t *testing.T) {
	k := parseKubernetes(t)
	c := k.deployment.Spec.Template.Spec.Containers[0]
	ports := map[string]int{}
	for _, p := range c.Ports {
		ports[p.Name] = p.Port
	}
	if addr := ":" + strconv.Itoa(ports["control"]); k.config["api-addr"] != addr {
		t.Errorf("the control API is at %v, and its port is %s", k.config["api-addr"], addr)
	}
	if addr := ":" + strconv.Itoa(ports["clients"]); k.config["addr"] != addr {
		t.Errorf("clients come to %v, and their port is %s", k.config["addr"], addr)
	}
	for path, p := range map[string]probe{"/readyz": c.Readiness, "/healthz": c.Liveness} {
		if p.HTTP.Path != path || p.HTTP.Port != "control" {
			t.Errorf("%s is asked for as %+v", path, p)
		}
	}
	mounted := func(file string) bool {
		for _, m := range c.Mounts {
			if filepath.Dir(file) == m.Path {
				return true
			}
		}
		return false
	}
	for _, file := range []string{c.Args[2], k.config["api-key-file"].(string), k.config["jwt-secret-file"].([]any)[0].(string)} {
		if !mounted(file) {
			t.Errorf("%s is on none of the mounts %+v", file, c.Mounts)
		}
	}
}

func TestDockerfileKnowsTheTree(t *testing.T) {
	text := body(t, "docker")
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)[1]
	if !strings.Contains(text, "FROM golang:"+string(version)+"-alpine AS build") {
		t.Errorf("it does not build with Go %s", version)
	}
	for _, m := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(text, -1) {
		for file := range strings.FieldsSeq(m[1]) {
			if _, err := os.Stat(filepath.Join("..", file)); err != nil {
				t.Error(err)
			}
		}
	}
	images := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1)
	if last := images[len(images)-1][1]; !strings.HasSuffix(last, ":nonroot") {
		t.Errorf("what runs is %s", last)
	}
}

// TestSysctlsHaveReasons: each setting once, each below a comment.
func TestSysctlsHaveReasons(t *testing.T) {
	var seen []string
	explained := false
	for line := range strings.Lines(body(t, "sysctl")) {
		line = strings.TrimSpace(line)
		switch name, value, isSetting := strings.Cut(line, " = "); {
		case line == "":
			explained = false
		case strings.HasPrefix(line, "#"):
			explained = true
		case !isSetting || value == "" || !regexp.MustCompile(`^-?[a-z0-9_.-]+$`).MatchString(name):
			t.Errorf("%q is no setting", line)
		case !explained:
			t.Errorf("%s has no reason", name)
		case slices.Contains(seen, name):
			t.Errorf("%s is there twice", name)
		default:
			seen = append(seen, name)
		}
	}
	if len(seen) < 20 {
		t.Errorf("found only %q", seen)
	}
}

// TestPortsAreReserved: a port that Starling listens on must not be one that somebody else connects from.
func TestPortsAreReserved(t *testing.T) {
	c := parseConfig(t, body(t, "config"))
	reserved := strings.Split(first(t, "sysctl", `^net.ipv4.ip_local_reserved_ports = (\S+)$`), ",")
	for _, name := range []string{"addr", "api-addr"} {
		addr := c[name].(string)
		if port := addr[strings.LastIndexByte(addr, ':')+1:]; !slices.Contains(reserved, port) {
			t.Errorf("%s of %s is not among %q", port, name, reserved)
		}
	}
}
