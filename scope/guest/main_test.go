package guest_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	const here = "github.com/corral-go/corral/scope/guest_test."
	goleak.VerifyTestMain(m,
		// TestLockedHostGone: no thread can run them any more.
		goleak.IgnoreAnyFunction(here+"lostTask"), goleak.IgnoreAnyFunction(here+"lostIn"))
}
