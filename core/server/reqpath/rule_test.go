package reqpath_test

import (
	"net/url"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/server/reqpath"
)

// The literal of a rule is spelled as canonical paths are: whatever a client
// escapes, a rule for the name is found.
func TestRulesMeetCanonicalPaths(t *testing.T) {
	t.Parallel()
	met := 0
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.StringMatching(`[a-zA-Z0-9 !"$&'()+,\-.:<=>@\[\]^_{|}~üß世]{1,8}`).Draw(rt, "name")
		sent, err := reqpath.Normalize("/" + url.PathEscape(name) + "/x")
		if err != nil {
			return // such as "..", which no pattern may name either
		}
		p, diags := policy.Compile(t.Context(), policy.Rules{Routes: []policy.Route{{Upstream: "app", Pattern: "/" + name + "/*"}}})
		if diags.HasErrors() {
			rt.Fatal(diags)
		}
		if r := p.Route("app", "GET", sent); r.Index != 0 {
			rt.Fatalf("the rule for %q does not meet %s", name, sent)
		}
		met++
	})
	if met == 0 {
		t.Error("no path was ever accepted: the test compares nothing")
	}
}
