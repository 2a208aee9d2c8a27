package host_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/host"
)

// The attack: credentials that bring a plugin to as many wrong answers as somebody
// can send. All are counted, and few are written.
func TestUndeclaredOrganizationsDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	now, registry := time.Unix(1_800_000_000, 0), prometheus.NewRegistry()
	u := host.NewUndeclared(registry, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	for range 1000 {
		host.Seen(u, t.Context(), "intruder", "evil")
	}
	if lines := strings.Count(log.String(), "authenticator=intruder organization=evil"); lines != 5 {
		t.Errorf("%d lines in one second:\n%s", lines, log.String())
	}
	log.Reset()
	now = now.Add(time.Second)
	host.Seen(u, t.Context(), "intruder", "evil")
	if !strings.Contains(log.String(), "left_out_before=995") {
		t.Errorf("it is not said how many were left out: %s", log.String())
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) != 1 || len(families[0].GetMetric()) != 1 || families[0].GetMetric()[0].GetCounter().GetValue() != 1001 {
		t.Errorf("counted: %v", families)
	}
}
