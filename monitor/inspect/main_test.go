package inspect_test

import (
	"os"
	"testing"

	"github.com/corral-go/corral/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
