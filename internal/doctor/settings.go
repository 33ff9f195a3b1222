package doctor

import (
	"slices"
	"strings"
)

// controlAPI looks at who may tell the server what to do.
func (e *examination) controlAPI() Result {
	s := e.set
	r := Result{Check: "control API", Verdict: Pass, Found: s.APIAddr, Wanted: "keys", Why: "Whoever reaches it can send anything to anybody."}
	switch {
	case s.APIAddr == "":
		r.Found, r.Wanted = "off", ""
	case s.Dev && !isLoopback(s.APIAddr):
		r.Verdict, r.Found = Warn, s.APIAddr+", with --dev"
		r.Why = "--dev is for trying things out on this machine: whoever has its key can send anything to anybody."
		r.Fix = []string{"--api-addr 127.0.0.1:9090", "# or without --dev, with STARLING_API_KEYS or --api-key-file"}
	case s.Dev:
		r.Found += ", with --dev"
	case s.APIKeys:
		r.Found += ", with keys"
	default:
		r.Verdict, r.Found = Fail, s.APIAddr+", without a key"
		if isLoopback(s.APIAddr) {
			r.Verdict, r.Why = Warn, "Whoever is on this machine can send anything to anybody, so the server does not start like this."
		}
		r.Fix = []string{"export STARLING_API_KEYS=$(openssl rand -hex 24)", "# or --api-key-file, with a scope and rooms for each key; or --api-addr '' for none"}
	}
	return r
}

// origins looks at whose pages may connect.
func (e *examination) origins() Result {
	s := e.set
	r := Result{
		Check: "origins", Verdict: Pass, Found: clip(strings.Join(s.Origins, ",")), Wanted: "no * with cookies",
		Why: "Any page that a user opens could connect with the user's cookies, and act for the user.",
	}
	if len(s.Origins) == 0 {
		r.Found = "the server's own"
	}
	if slices.Contains(s.Origins, "*") && s.Cookies {
		r.Verdict, r.Found = Warn, "*, with cookies"
		r.Fix = []string{"--origins https://app.example.com", "# or without --credentials and --cookie"}
	}
	return r
}
