package metrics

import "time"

const (
	// ScrapeTimeDefault is how long a scrape waits for the loops, well below the 10 s that Prometheus waits for a scrape.
	ScrapeTimeDefault = 2 * time.Second
	// graceTime is how long it waits beyond that, for figures that come although some are missing.
	graceTime = time.Second / 2
	// WordsMax bounds the values of a label that grows with use. What comes later is counted as "other", so that a caller's
	// mistake cannot fill the memory of whoever scrapes.
	WordsMax = 64
	// wordBytesMax bounds such a value.
	wordBytesMax = 40
)

// The bounds of histograms, in seconds. Calls within the machine are to be told apart from 100 us on, those over a network
// from 5 ms; both end where a caller has given up.
var (
	apiBuckets     = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	webhookBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
)
