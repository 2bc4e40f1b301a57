package wait

// sentinel is an error of this package with the word that telemetry uses.
type sentinel struct{ text, word string }

func (e *sentinel) Error() string     { return e.text }
func (e *sentinel) ErrorType() string { return e.word }

// ErrNothingToWait is returned at once by [Wait], [Any] and [Race] when they
// are given nothing: they could only hang.
var ErrNothingToWait error = &sentinel{"wait: there is nothing to wait for", "nothing_to_wait"}

// errNoReturn is how a wait ends, in the trace, in which a method of somebody
// else's awaitable has panicked, or ended the goroutine.
var errNoReturn error = &sentinel{"wait: a method of what is waited for did not return", "panic"}

// errSelfWait is returned instead of a wait that could never end (R47).
var errSelfWait error = &sentinel{"wait: a task waits for itself, or for a task it runs inside of: it would never end", "self_wait"}
