package stock

import (
	"math"
	"time"
)

// The stock client's way of waiting (Manager, options reconnectionDelay, reconnectionDelayMax and randomizationFactor).
const (
	DelayDefault    = time.Second
	DelayMaxDefault = 5 * time.Second
	jitter          = 0.5
	// doublingsMax keeps the product finite: by default 16 s are beyond the most already, whatever the jitter takes off.
	doublingsMax = 16
)

// delay is how long to wait for the next attempt: 1 s, 2 s, 4 s, … each longer or shorter by up to a half, and never more than 5 s,
// in whole ms. One random number decides on both the sign and the size, as in the stock client: its first decimal, odd or even, is
// the sign.
func (c *Client) delay() time.Duration {
	ms := milliseconds(c.options.Delay) * math.Pow(2, float64(c.attempts))
	c.attempts = min(c.attempts+1, doublingsMax)
	r := c.random()
	deviation := math.Floor(r * jitter * ms)
	if int(r*10)&1 == 0 {
		deviation = -deviation
	}
	return time.Duration(min(ms+deviation, milliseconds(c.options.DelayMax))) * time.Millisecond
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
