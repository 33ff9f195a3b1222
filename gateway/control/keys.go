package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"starling/gateway/access"
)

// Scope is what a key may be used for.
type Scope string

// The scopes.
const (
	// ScopePublish is for emits.
	ScopePublish Scope = "publish"
	// ScopeRead is for what changes nothing.
	ScopeRead Scope = "read"
	// ScopeManage is for joins, leaves, disconnects, and drains.
	ScopeManage Scope = "manage"
)

// scopes are all of them.
var scopes = []Scope{ScopePublish, ScopeRead, ScopeManage}

// key is one API key. The key itself is nowhere: only its sum.
type key struct {
	name    string
	sum     [sha256.Size]byte
	scopes  []Scope
	rooms   access.Patterns // the rooms that it is locked to
	locked  bool
	streams int           // that it may have open
	rate    float64       // events a second; 0 is no bound
	limiter *rate.Limiter // nil without a rate
}

// may tells whether the key has a scope.
func (k *key) may(s Scope) bool { return slices.Contains(k.scopes, s) }

// take takes n events off the key's rate, or says when it may be tried again.
func (k *key) take(now time.Time, n int) *Error {
	if k.limiter == nil || k.limiter.AllowN(now, n) {
		return nil
	}
	missing := float64(n) - k.limiter.TokensAt(now)
	return errRate(time.Duration(math.Ceil(missing/k.rate*1000)) * time.Millisecond)
}

// Keys are the API keys of a server. Any goroutine may use them.
type Keys struct {
	path  string
	plain []string
	set   atomic.Pointer[[]*key]
}

// NewKeys makes keys of their texts, each of which may do everything. The error wraps an Err value of this package, and
// does not contain a key.
func NewKeys(plain []string) (*Keys, error) { return LoadKeys("", plain) }

// LoadKeys reads keys from a file, and makes further ones of their texts, as NewKeys does. No file is "".
func LoadKeys(path string, plain []string) (*Keys, error) {
	k := &Keys{path: path, plain: plain}
	if err := k.Reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// Reload reads the file again. With an error the keys stay as they were. A key that was there before goes on with what is
// left of its rate, and keeps the replies to its Idempotency-Keys.
func (k *Keys) Reload() error {
	var set []*key
	for i, text := range k.plain {
		if err := checkKey(text); err != nil {
			return fmt.Errorf("API key %d: %w", i+1, err)
		}
		set = append(set, &key{name: fmt.Sprintf("key-%d", i+1), sum: sha256.Sum256([]byte(text)), scopes: scopes, streams: StreamsPerKeyMax})
	}
	if k.path != "" {
		more, err := readKeys(k.path)
		if err != nil {
			return err
		}
		set = append(set, more...)
	}
	if err := checkKeys(set); err != nil {
		return err
	}
	k.keepLimiters(set)
	k.set.Store(&set)
	return nil
}

func checkKeys(set []*key) error {
	if len(set) == 0 {
		return ErrNoKeys
	}
	if len(set) > KeysMax {
		return ErrKeysMax
	}
	seen := map[any]bool{}
	for _, k := range set {
		if seen[k.name] || seen[k.sum] {
			return fmt.Errorf("API key %q: %w", k.name, ErrKeyTwice)
		}
		seen[k.name], seen[k.sum] = true, true
	}
	return nil
}

// keepLimiters gives new keys the limiters of the old ones, so that a reload is no gift.
func (k *Keys) keepLimiters(set []*key) {
	old := k.set.Load()
	if old == nil {
		return
	}
	for _, fresh := range set {
		for _, o := range *old {
			if o.sum == fresh.sum && o.rate == fresh.rate {
				fresh.limiter = o.limiter
			}
		}
	}
}

// newLimiter makes a bucket that holds what comes in a second.
func newLimiter(perSecond float64) *rate.Limiter {
	if perSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(math.Ceil(perSecond))))
}

// checkKey wants what fits a header and cannot be guessed.
func checkKey(text string) error {
	isOdd := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(text) < KeyBytesMin || len(text) > KeyBytesMax || strings.ContainsFunc(text, isOdd) {
		return ErrKeyBytes
	}
	return nil
}

// authenticate finds the key of a request.
func (k *Keys) authenticate(r *http.Request) (*key, *Error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return nil, errKeyMissing
	}
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || len(text) > KeyBytesMax {
		return nil, errKeyInvalid
	}
	return k.find(text)
}

// find compares the sum of a text with those of all keys: how long it takes tells nothing about any of them.
func (k *Keys) find(text string) (found *key, _ *Error) {
	sum := sha256.Sum256([]byte(text))
	for _, k := range *k.set.Load() {
		if subtle.ConstantTimeCompare(sum[:], k.sum[:]) == 1 {
			found = k
		}
	}
	if found == nil {
		return nil, errKeyInvalid
	}
	return found, nil
}

// now returns what a key has become among those that there are, nil if it is gone.
func now(keys []*key, old *key) *key {
	for _, k := range keys {
		if k == old || k.sum == old.sum {
			return k
		}
	}
	return nil
}
