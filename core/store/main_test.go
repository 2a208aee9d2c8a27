package store_test

import (
	"os"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

// TestMain also serves as the program of the tests that need a process of
// their own: the environment names which one.
func TestMain(m *testing.M) {
	if name := os.Getenv("STORE_TEST_CHILD"); name != "" {
		os.Exit(children[name]())
	}
	storetest.Main(m)
}
