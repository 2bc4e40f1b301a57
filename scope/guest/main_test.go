package guest_test

import (
	"os"
	"testing"

	"github.com/corral-go/corral/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(lostName) != "" {
		os.Exit(m.Run()) // no thread can run what it leaves
	}
	os.Exit(testkit.Main(m))
}
