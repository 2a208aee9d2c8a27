package preview_test

import (
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }
