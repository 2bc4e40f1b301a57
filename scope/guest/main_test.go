package guest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/corral-go/corral/internal/invariant"
)

func TestMain(m *testing.M) {
	const here = "github.com/corral-go/corral/scope/guest_test."
	goleak.VerifyTestMain(invariant.Suite(m),
		// TestLockedHostGone: no thread can run them any more.
		goleak.IgnoreAnyFunction(here+"lostTask"), goleak.IgnoreAnyFunction(here+"lostIn"))
}
