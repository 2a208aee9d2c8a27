package main

import (
	"fmt"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// pulls shows how far the provisioners are that ask their identity provider.
func (t *terminal) pulls(list []admin.Pull, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	if err := t.printf("\nIdentity providers that are asked:\n"); err != nil {
		return err
	}
	for _, p := range list {
		if err := t.paragraphs("  ", []field{{"", p.Instance}}); err != nil {
			return err
		}
		if err := t.paragraphs("    ", []field{
			{"complete", relative(p.CompletedAt, now, "not yet")}, {"this pass", underWay(p, now)}, {"last error", failing(p, now)},
		}); err != nil {
			return err
		}
	}
	return nil
}

// underWay says how far a pass is; of one that waits there is nothing to say.
func underWay(p admin.Pull, now time.Time) string {
	if p.State == admin.PullWaiting {
		return ""
	}
	text := fmt.Sprintf("began %s, parts: %d", relative(p.StartedAt, now, ""), p.Parts)
	if p.State == admin.PullEnding {
		text += ", and whom it has not seen leaves"
	}
	return text
}

func failing(p admin.Pull, now time.Time) string {
	if p.Failures == 0 {
		return ""
	}
	return fmt.Sprintf("%s (failures in a row: %d, again %s)", p.Problem, p.Failures, relative(p.RetryAt, now, "now"))
}
