package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// A host that is not well says what is wrong and where to look.
func TestStatusOfAHostThatIsNotReady(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	screen := &terminal{out: &out, width: defaultWidth}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	err := screen.overview(overview{Status: admin.Status{
		Version: "1.2.3", Revision: 7, StartedAt: now.Add(-time.Hour), Conditions: []admin.Condition{
			{Name: "plugin apikey", OK: true},
			{Name: "store", Detail: "the disk is full"},
		},
	}}, true, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"not ready", "revision    7", "1 hour ago", "store  the disk is full; look at the database", "may not see the plugins"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "apikey") {
		t.Errorf("what is in order is not wrong:\n%s", out.String())
	}
}
