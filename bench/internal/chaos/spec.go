package chaos

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The rules of what can be asked for.
var (
	ErrKind        = errors.New("chaos: no such kind of attack")
	ErrConnections = fmt.Errorf("chaos: want 1 to %d connections, as 1000, or a share of the others above 0%% and up to 100%%, as 5%%", ConnectionsMax)
	ErrRate        = fmt.Errorf("chaos: want a rate of %g to %d a second, as 200/s", RateMin, RateMax)
)

// Spec is an attack: its kind and size.
type Spec struct {
	Kind Kind
	// Connections is how many there are at once. For the kinds that come at a rate it is a bound, of 1,000 if it is 0.
	Connections int
	// Percent is Connections as a share of the innocent ones, up to 100; 0 if Connections says it.
	Percent float64
	// Rate is how many connect in a second. Kinds that hold their connections come at 1,000 a second if it is 0, and then none comes
	// in the place of one that the server has closed; with a rate they do.
	Rate float64
}

// parseSpec reads an attack. A kind that holds its connections is told their number or share, "half-open=1000" or "slow=5%", and may
// be told the rate at which closed ones come again: "slow=100@20/s". A kind whose connections come and go is told the rate,
// "malformed=200/s", and may be told how many may be open at once: "malformed=50@200/s".
func parseSpec(text string) (s Spec, err error) {
	name, amount, _ := strings.Cut(text, "=")
	s.Kind = Kind(name)
	if !s.Kind.known() {
		return Spec{}, ErrKind
	}
	count, rate, both := strings.Cut(amount, "@")
	if !both && s.Kind.comes() {
		count, rate = "", count
	}
	if both || !s.Kind.comes() {
		err = s.parseCount(count)
	}
	if err == nil && (both || s.Kind.comes()) {
		err = s.parseRate(rate)
	}
	if err != nil {
		return Spec{}, err
	}
	return s, nil
}

func (s *Spec) parseCount(text string) error {
	if digits, isShare := strings.CutSuffix(text, "%"); isShare {
		percent, err := parseNumber(digits)
		if err != nil || percent == 0 || percent > 100 {
			return ErrConnections
		}
		s.Percent = percent
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 || n > ConnectionsMax {
		return ErrConnections
	}
	s.Connections = int(n)
	return nil
}

func (s *Spec) parseRate(text string) (err error) {
	digits, isRate := strings.CutSuffix(text, "/s")
	if s.Rate, err = parseNumber(digits); err != nil || !isRate || s.Rate < RateMin || s.Rate > RateMax {
		return ErrRate
	}
	return nil
}

// parseNumber takes plain decimal numbers alone: what strconv reads besides, hexadecimal and NaN, nobody means here.
func parseNumber(text string) (float64, error) {
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(text, 64)
}

// String is the attack as a schedule has it.
func (s Spec) String() string {
	count, rate := "", ""
	switch {
	case s.Percent > 0:
		count = strconv.FormatFloat(s.Percent, 'f', -1, 64) + "%"
	case s.Connections > 0:
		count = strconv.Itoa(s.Connections)
	}
	if s.Rate > 0 {
		rate = strconv.FormatFloat(s.Rate, 'f', -1, 64) + "/s"
	}
	if count != "" && rate != "" {
		count += "@"
	}
	return string(s.Kind) + "=" + count + rate
}

// Among is the attack with its share made a number, of at least one connection, beside that many innocent ones.
func (s Spec) Among(innocent int) Spec {
	if s.Percent > 0 {
		s.Connections = min(max(int(math.Round(s.Percent/100*float64(innocent))), 1), ConnectionsMax)
		s.Percent = 0
	}
	return s
}

// check is for a Spec that Parse has not made. Its share has become a number.
func (s Spec) check() error {
	switch {
	case !s.Kind.known():
		return fmt.Errorf("%w: %q", ErrKind, string(s.Kind))
	case s.Connections < 0 || s.Connections > ConnectionsMax || s.Percent != 0 || s.Connections == 0 && !s.Kind.comes():
		return ErrConnections
	case s.Rate != 0 && !(s.Rate >= RateMin && s.Rate <= RateMax) || s.Rate == 0 && s.Kind.comes():
		return ErrRate
	}
	return nil
}

// complete fills in what is left to us. again says that others come in the place of those that are gone.
func (s Spec) complete() (full Spec, again bool) {
	again = s.Rate > 0
	if s.Connections == 0 {
		s.Connections = connectionsDefault
	}
	if s.Rate == 0 {
		s.Rate = rateDefault
	}
	return s, again
}
