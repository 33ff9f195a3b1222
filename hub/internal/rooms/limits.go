package rooms

const (
	// PageItemsDefault is how many rooms or members a page has whose limit is not said.
	PageItemsDefault = 100
	// PageItemsMax bounds a page: it is copied by a loop, or under a lock that loops take.
	PageItemsMax = 1000

	// stripesPerLoop is how many locks a directory has for each loop. With four, a loop that takes one finds it taken
	// in a quarter of the cases even if all others do nothing else.
	stripesPerLoop = 4
	// stripesMax bounds the locks of a directory, 64 bytes each: there is one directory for each namespace.
	stripesMax = 256
)

// pageLimit is the limit of a page that was asked for with the given one.
func pageLimit(limit int) int {
	if limit <= 0 {
		return PageItemsDefault
	}
	return min(limit, PageItemsMax)
}
