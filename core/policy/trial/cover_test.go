package trial_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

func TestCover(t *testing.T) {
	t.Parallel()
	s := suite(t, rules(t))
	results := run(
		t, s,
		of(t, "acme", `{ groups = ["Root"] }`, "admin"),
		of(t, "acme", `{ groups = ["Root", "Admins"] }`, "admin"),
		of(t, "acme", `{ groups = ["Data"], department = "Analytics", title = "Data Keeper" }`, "analyst"),
		of(t, "acme", `{ groups = ["Leads"] }`), // reaches nothing: the title is absent
		of(t, "acme", `{ groups = ["Leads"], title = "x" }`, "analyst", "guest"),
		of(t, "", `{ organization = "acme" }`, "analyst"),
	)
	c, err := s.Cover(t.Context(), results, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, m := range c.Mappings {
		fmt.Fprintf(&text, "%d %s (%s)\n", m.Tests, m.Name, m.Where)
		for _, a := range m.Alternatives {
			fmt.Fprintf(&text, "  %d %s (%s)\n", a.Tests, a.What, a.Where)
		}
	}
	fmt.Fprintf(&text, "%d of %d\n", c.Reached, c.Parts)
	for _, r := range c.Unasked {
		fmt.Fprintf(&text, "no test expects %s\n", r.Name)
	}
	golden(t, "coverage.want", text.String())
}

// A condition whose branches do not fit beside their whole is covered as one.
func TestCoverOfALargeCondition(t *testing.T) {
	t.Parallel()
	var parts []string
	for i := range 40 {
		parts = append(parts, fmt.Sprintf(`(user.title == "a%d" || user.title == "b%d") && user.department != "d%d"`, i, i, i))
	}
	r := policy.Rules{Roles: []policy.Role{{Name: "r"}}, Mappings: []policy.Mapping{
		{Name: "m", Where: "a.hcl:1", Connection: "acme", When: expression(t, "("+strings.Join(parts, ") || (")+")"), Roles: []string{"r"}},
	}}
	s := suite(t, r)
	c, err := s.Cover(t.Context(), run(t, s, of(t, "acme", `{ title = "b7", department = "x" }`, "r")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Mappings[0]; m.Tests != 1 || c.Reached == 0 || c.Reached > c.Parts {
		t.Errorf("%d tests reach it, %d of %d parts", m.Tests, c.Reached, c.Parts)
	}
}

func TestCoverOfNothing(t *testing.T) {
	t.Parallel()
	s := suite(t, policy.Rules{})
	if c, err := s.Cover(t.Context(), nil, nil); err != nil || c.Parts != 0 || c.Reached != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}
