package invariant

// TracedSuite is [Suite] of a traced run.
func TracedSuite(m Runner, say func(text string)) Runner { return &suite{tests: m, say: say} }

// Keep sets how many spans are kept of traces that are over.
func (c *Checker) Keep(n int) { c.keep = n }

// Kept is how many spans are known.
func (c *Checker) Kept() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.spans)
}

// Unplant takes back what Planted has said of a test, which may run again.
func Unplant(name string) {
	global.mu.Lock()
	defer global.mu.Unlock()
	delete(global.planted, name)
}
