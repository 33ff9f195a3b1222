package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"starling/gateway"
	"starling/gateway/access"
	"starling/hub"
)

// rule is what a flag takes.
type rule struct {
	want string // completes "--loops must"
	ok   func(v any) bool
}

// rules are what the flags of serving take, by the name of the flag. A flag without one takes all that its type does, or is
// checked where it is used. No rule is asked about a flag that was not given and has no default.
var rules = map[string]rule{
	"addr":       {"be host:port, with a port from 0 to 65535", text(isListenAddr)},
	"path":       {"be a path that begins with a slash", text(isRooted)},
	"transports": {"be polling, websocket or both", list(1, among("polling", "websocket"))},
	"loops":      within(0, hub.LoopsMax),

	"ping-interval":       during(hub.TimeMin, hub.TimeMax),
	"ping-timeout":        during(hub.TimeMin, hub.TimeMax),
	"connect-timeout":     during(hub.TimeMin, hub.TimeMax),
	"upgrade-timeout":     during(hub.TimeMin, hub.TimeMax),
	"max-payload":         within(1, hub.PayloadBytesMaxMax),
	"max-connect-payload": within(1, hub.PayloadBytesMaxMax),
	"parser":              oneOf("standard", "msgpack"),

	"cookie": {"be a name without spaces and separators", text(isCookieName)},

	"connections-max":       within(0, countMax),
	"connect-rate":          within(0, countMax),
	"control-rate":          within(1, hub.RateMax),
	"outbound-per-conn-max": within(1, bytesMax),
	"outbound-max":          within(1, bytesMax),
	"handlers-max":          within(1, countMax),
	"memory-max":            orZero(within(memoryBytesMin, bytesMax)),

	"recovery":          orZero(during(hub.TimeMin, hub.TimeMax)),
	"recovery-room-max": within(1, bytesMax),
	"recovery-max":      within(1, bytesMax),
	"drain-time":        during(0, hub.TimeMax),
	"drain-timeout":     during(hub.TimeMin, hub.TimeMax),
	"log-format":        oneOf("text", "json"),
	"log-level":         oneOf("debug", "info", "warn", "error"),

	"jwt-secret":     {fmt.Sprintf("have %d bytes or more", access.SecretBytesMin), text(longer(access.SecretBytesMin))},
	"jwks-url":       {"be an http or https URL", text(isURL)},
	"jwks-refresh":   during(access.JWKSRefreshMin, hub.TimeMax),
	"jwt-algorithms": listOf(algorithms...),
	"jwt-leeway":     during(0, access.LeewayMax),

	"namespaces":                  {"be different names that begin with a slash", areNamespaces},
	"client-events":               eventNames,
	"events-rate":                 within(0, rateMax),
	"events-burst":                within(1, countMax),
	"bytes-rate":                  within(0, rateMax),
	"bytes-burst":                 within(1, hub.PayloadBytesMaxMax),
	"connections-per-user-max":    within(0, countMax),
	"connections-per-address-max": within(0, countMax),
	"rooms-per-socket-max":        within(1, countMax),

	"api-addr":            {"be empty, or host:port with a port from 0 to 65535", text(func(s string) bool { return s == "" || isListenAddr(s) })},
	"api-keys":            {fmt.Sprintf("have %d to %d printable ASCII characters each, and no spaces", keyBytesMin, keyBytesMax), list(1, isKey)},
	"api-event-bytes-max": within(1, eventBytesMax),

	"webhook-url":           {"be an http or https URL", text(isURL)},
	"webhook-secret":        {fmt.Sprintf("have %d bytes or more", access.SecretBytesMin), text(longer(access.SecretBytesMin))},
	"webhook-hooks":         listOf(gateway.Hooks...),
	"webhook-events":        eventNames,
	"webhook-timeout":       during(hub.TimeMin, time.Minute),
	"webhook-rate":          within(1, countMax),
	"webhook-queue-max":     within(1, countMax),
	"webhook-in-flight-max": within(1, countMax),
}

// algorithms are those that package access can verify.
var algorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

var eventNames = rule{"be names of events, with no * but at the end", list(0, func(name string) bool {
	at := strings.IndexByte(name, '*')
	return name != "" && (at < 0 || at == len(name)-1)
})}

// within is the rule of whole numbers.
func within(least, most int64) rule {
	return rule{fmt.Sprintf("be within %d and %d", least, most), func(v any) bool {
		n := reflect.ValueOf(v).Int()
		return least <= n && n <= most
	}}
}

// during is the rule of times.
func during(least, most time.Duration) rule {
	return rule{fmt.Sprintf("be within %s and %s", shortly(least), shortly(most)), func(v any) bool {
		d := v.(time.Duration)
		return least <= d && d <= most
	}}
}

// shortly is a time without the zeros behind it: 24h, not 24h0m0s.
func shortly(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// orZero makes a rule take 0 too.
func orZero(r rule) rule {
	return rule{"be 0, or " + strings.TrimPrefix(r.want, "be "), func(v any) bool { return reflect.ValueOf(v).IsZero() || r.ok(v) }}
}

// oneOf is the rule of words.
func oneOf(words ...string) rule {
	last := len(words) - 1
	return rule{"be " + strings.Join(words[:last], ", ") + " or " + words[last], text(among(words...))}
}

// listOf is the rule of lists of words.
func listOf(words ...string) rule {
	return rule{"be among " + strings.Join(words, ", "), list(1, among(words...))}
}

func text(ok func(string) bool) func(any) bool { return func(v any) bool { return ok(v.(string)) } }

// list holds each text of a list against ok, and their number against least.
func list(least int, ok func(string) bool) func(any) bool {
	return func(v any) bool {
		texts := v.([]string)
		return len(texts) >= least && !slices.ContainsFunc(texts, func(s string) bool { return !ok(s) })
	}
}

func among(words ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(words, s) }
}

func longer(bytes int) func(string) bool { return func(s string) bool { return len(s) >= bytes } }

func isRooted(s string) bool { return strings.HasPrefix(s, "/") }

func areNamespaces(v any) bool {
	names := slices.Sorted(slices.Values(v.([]string)))
	return list(1, isRooted)(v) && len(slices.Compact(names)) == len(v.([]string))
}

func isKey(s string) bool {
	return len(s) >= keyBytesMin && len(s) <= keyBytesMax && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func isCookieName(s string) bool { return (&http.Cookie{Name: s}).Valid() == nil }

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// isListenAddr reports whether addr has the form of an address to listen on. Whether its host exists shows later.
func isListenAddr(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" { // which would be any port
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}

// clash reports whether only one can listen on two addresses.
func clash(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil {
		return false
	}
	numberA, errA := net.LookupPort("tcp", portA)
	numberB, errB := net.LookupPort("tcp", portB)
	return errA == nil && errB == nil && numberA == numberB && numberA != 0 && (hostA == hostB || covers(hostA, hostB) || covers(hostB, hostA))
}

// covers reports whether a host stands for all addresses, another one among them.
func covers(all, one string) bool {
	return all == "" || all == "::" || all == "0.0.0.0" && !strings.Contains(one, ":")
}

// ruleMistake holds a flag's value against its rule.
func ruleMistake(flag *kong.Flag) error {
	r, ok := rules[flag.Name]
	if !ok || !flag.HasDefault && isNothing(flag.Target) || r.ok(flag.Target.Interface()) {
		return nil
	}
	return relation{false, flag.Name, shown(flag), r.want}.mistake()
}

// isNothing tells the text and the list that nobody gave.
func isNothing(v reflect.Value) bool {
	return (v.Kind() == reflect.String || v.Kind() == reflect.Slice) && v.Len() == 0
}

// hidden is what stands for a value that nobody should see.
const hidden = "(set)"

// shown is a flag's value as it may be shown: secrets are not, nor what may be one in a URL.
func shown(flag *kong.Flag) any {
	v := flag.Target.Interface()
	switch {
	case isSecret(flag):
		return hidden
	case isURLFlag(flag):
		return shownURL(v.(string))
	}
	if texts, ok := v.([]string); ok {
		return strings.Join(texts, ",")
	}
	return v
}

// isSecret tells the flags whose values nobody should see.
func isSecret(flag *kong.Flag) bool { return flag.Tag.Has("secret") }

// isURLFlag tells the flags whose values may hold a secret.
func isURLFlag(flag *kong.Flag) bool { return flag.Tag.Has("url") }

// shownURL is a URL as it may be shown: as it is, or with something else for the parts that are secrets often, which are all
// but the scheme, the host and the path. A text that is none may have them anywhere, and so may a URL with an @ behind its
// host: what looks like the host is the beginning of a password then, if that has a slash in it.
func shownURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || !isURL(text) || strings.Contains(u.Path, "@"):
		return hidden
	case u.User == nil && u.RawQuery == "" && u.Fragment == "":
		return text
	}
	shown := u.Host + u.EscapedPath()
	if u.User != nil {
		shown = hidden + "@" + shown
	}
	if u.RawQuery != "" {
		shown += "?" + hidden
	}
	if u.Fragment != "" {
		shown += "#" + hidden
	}
	return u.Scheme + "://" + shown
}

// relation is a rule between flags.
type relation struct {
	ok    bool
	flag  string
	value any
	want  string
}

func (r relation) mistake() error {
	if r.value == any(hidden) {
		return fmt.Errorf("--%s must %s", r.flag, r.want)
	}
	return fmt.Errorf("--%s must %s, not %v", r.flag, r.want, r.value)
}

// mistaken are the mistakes among relations.
func mistaken(all []relation) (found []error) {
	for _, r := range all {
		if !r.ok {
			found = append(found, r.mistake())
		}
	}
	return found
}
