package inspect_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/corral-go/corral/internal/invariant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(invariant.Suite(m)) }
