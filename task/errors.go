package task

import "github.com/corral-go/corral/scope"

// ErrInvalidState is what every *[InvalidStateError] Is.
var ErrInvalidState error = &invalidState{}

type invalidState struct{}

func (*invalidState) Error() string     { return "task: invalid state" }
func (*invalidState) ErrorType() string { return "invalid_state" }

// InvalidStateError says that an operation does not fit the state of a future
// or task: setting one that is done, reading one that is not.
type InvalidStateError struct {
	Op    string
	State scope.State
}

// Error names the operation and the state.
func (e *InvalidStateError) Error() string {
	return "task: " + e.Op + ": invalid state: " + e.State.String()
}

// Is reports whether target is [ErrInvalidState].
func (e *InvalidStateError) Is(target error) bool { return target == ErrInvalidState } //nolint:errorlint // identity is the question

// ErrorType returns "invalid_state".
func (e *InvalidStateError) ErrorType() string { return "invalid_state" }
