package scope_test

import (
	"os"

	"github.com/corral-go/corral/internal/seam"
	_ "github.com/corral-go/corral/scope/guest" // runs them
)

// With CORRAL_HOSTED set, every task of these tests is a host task.
func init() { seam.Hosted = os.Getenv("CORRAL_HOSTED") != "" }
