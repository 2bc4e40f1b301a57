package inspect

// TextOf is clean, for tests.
func TextOf(s string) text { return clean(s) }

// MaxKept are the limits of what is kept at once.
const (
	MaxViews   = mostViews
	MaxAnswers = mostAnswers
)

// Kept is how much h keeps.
func Kept(h any) int {
	p := h.(*handler)
	p.views.mu.Lock()
	defer p.views.mu.Unlock()
	p.answers.mu.Lock()
	defer p.answers.mu.Unlock()
	return len(p.views.kept) + len(p.answers.kept)
}
