package audit_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/audit"
)

// The quick look overlooks nothing that the expression finds.
func TestTheQuickLookOverlooksNoSecret(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "before") +
			rapid.OneOf(rapid.StringMatching(`[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{1,64}_[0-9A-Za-z]{49}`), rapid.StringMatching(`[a-z_0-9]{0,120}`)).Draw(t, "text") +
			rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "after")
		if audit.Secrets.MatchString(text) && !audit.MayHoldSecret([]byte(text)) {
			t.Fatalf("%q has what may be a secret", text)
		}
	})
}
