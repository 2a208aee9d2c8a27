package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/core/policy/trial"
)

type policyTestCommand struct {
	policyOf
	Coverage bool `help:"Say which mappings, groups and branches of conditions the tests reach."`
	JSON     bool `name:"json" help:"Print the results as JSON, for CI."`
}

func (policyTestCommand) Help() string {
	return `Runs the test blocks of the files, and the tests in Rego that stand beside them in files *_test.rego. Neither a host nor a plugin is started for it, and variables need not be set. The exit status is 1 if a test fails.

    gatehouse policy test configs
    gatehouse policy test --coverage configs`
}

// tried is the answer in JSON.
type tried struct {
	Passed   int         `json:"passed"`
	Failed   int         `json:"failed"`
	Tests    []triedTest `json:"tests"`
	Rego     []triedRego `json:"rego,omitempty"`
	Coverage *reached    `json:"coverage,omitempty"`
}

type triedTest struct {
	Name       string      `json:"name"`
	Connection string      `json:"connection,omitempty"`
	Client     string      `json:"client,omitempty"` // in whose block it stands
	Where      string      `json:"where"`
	Passed     bool        `json:"passed"`
	Expected   []string    `json:"expected"`
	Roles      []triedRole `json:"roles"`
	Missing    []string    `json:"missing,omitempty"`
	Surplus    []string    `json:"surplus,omitempty"`
	Why        string      `json:"why,omitempty"`
}

type triedRole struct {
	Role   string `json:"role"`
	Source string `json:"source"`
	Rule   string `json:"rule"`
	Reason string `json:"reason,omitempty"`
}

type triedRego struct {
	Name    string  `json:"name"`
	Where   string  `json:"where"`
	Result  string  `json:"result"` // "passed", "failed", "error" or "skipped"
	Error   string  `json:"error,omitempty"`
	Printed string  `json:"printed,omitempty"`
	Seconds float64 `json:"seconds"`
}

func (c *policyTestCommand) Run(ctx context.Context, t *terminal) error {
	p, report, err := c.open(ctx, t, c.JSON)
	if err != nil {
		return err
	}
	files, err := c.options(t).RegoTests()
	if err != nil {
		return err
	}
	var inRego *trial.Rego
	var asked *trial.Asked
	if len(files) > 0 {
		if inRego, err = p.Suite.RunRego(ctx, files, p.Organizations); err != nil {
			return err
		}
		asked = inRego.Asked
	}
	out, err := c.results(ctx, p, inRego)
	if err != nil {
		return err
	}
	if c.Coverage {
		covered, err := p.Suite.Cover(ctx, p.Results, asked)
		if err != nil {
			return err
		}
		out.Coverage = reachedOf(covered, inRego)
	}
	if c.JSON {
		err = t.printJSON(out)
	} else {
		err = c.print(t, out, report)
	}
	if err == nil && (out.Failed > 0 || report.HasErrors()) {
		return errSilent
	}
	return err
}

// results puts those of test blocks and of Rego tests together.
func (c *policyTestCommand) results(ctx context.Context, p *host.Policy, inRego *trial.Rego) (*tried, error) {
	out := &tried{Tests: []triedTest{}}
	count := func(passed bool) {
		if passed {
			out.Passed++
		} else {
			out.Failed++
		}
	}
	for i := range p.Results {
		r := &p.Results[i]
		one := triedTest{
			Name: r.Name, Connection: r.Connection, Where: r.Where, Passed: r.Passed(), Expected: append([]string{}, r.Roles...),
			Roles: []triedRole{}, Missing: r.Missing, Surplus: r.Surplus,
		}
		if r.Client != nil {
			one.Client = r.Client.ID
		}
		for _, g := range r.Got {
			one.Roles = append(one.Roles, triedRole{g.Role, g.Source, g.Rule, g.Reason})
		}
		if !one.Passed && c.JSON {
			why, err := p.Suite.Explain(ctx, r, true)
			if err != nil {
				return nil, err
			}
			one.Why = why
		}
		count(one.Passed)
		out.Tests = append(out.Tests, one)
	}
	if inRego == nil {
		return out, nil
	}
	for _, r := range inRego.Results {
		one := triedRego{Name: r.Name, Where: fmt.Sprintf("%s:%d", r.File, r.Line), Result: "failed", Error: r.Error, Printed: r.Printed, Seconds: r.Took.Seconds()}
		switch {
		case r.Skipped:
			one.Result = "skipped"
		case r.Passed:
			one.Result = "passed"
		case r.Error != "":
			one.Result = "error"
		}
		if !r.Skipped {
			count(r.Passed)
		}
		out.Rego = append(out.Rego, one)
	}
	return out, nil
}

// print shows the results as a table, and then why tests fail.
func (c *policyTestCommand) print(t *terminal, out *tried, report *config.Report) error {
	var rows [][]string
	for _, r := range out.Tests {
		result := "passed"
		if !r.Passed {
			result = "FAILED"
		}
		of := "clients"
		switch {
		case r.Connection != "":
			of = "connection " + r.Connection
		case r.Client != "":
			of = "client " + r.Client
		}
		rows = append(rows, []string{result, r.Name, of, r.Where})
	}
	for _, r := range out.Rego {
		result := r.Result
		if result == "failed" || result == "error" {
			result = "FAILED"
		}
		rows = append(rows, []string{result, r.Name, "Rego", r.Where})
	}
	if len(rows) == 0 && report.Len() == 0 {
		if err := t.printf("There is no test. Write a test block beside the mappings.\n"); err != nil {
			return err
		}
	}
	if len(rows) > 0 {
		if err := t.table([]column{{title: "RESULT"}, {title: "TEST", cut: true}, {title: "OF"}, {title: "WHERE"}}, rows); err != nil {
			return err
		}
	}
	if report.Len() > 0 {
		if err := t.printf("\n"); err != nil {
			return err
		}
		if err := t.report(report, false); err != nil {
			return err
		}
	}
	for _, r := range out.Rego {
		if err := t.regoFailure(r); err != nil {
			return err
		}
	}
	if out.Coverage != nil {
		if err := t.coverage(out.Coverage); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return t.printf("\n%s passed, %d failed.\n", counted(out.Passed, "test"), out.Failed)
}

func (t *terminal) regoFailure(r triedRego) error {
	if r.Result != "failed" && r.Result != "error" {
		return nil
	}
	said := "is not true"
	if r.Result == "error" {
		said = "cannot be evaluated"
	}
	if err := t.printf("\n%s (%s) %s.\n", r.Name, r.Where, said); err != nil {
		return err
	}
	return t.paragraphs("  ", []field{{"error", r.Error}, {"printed", r.Printed}})
}

// reached is the coverage in JSON.
type reached struct {
	Reached  int           `json:"reached"`
	Parts    int           `json:"parts"`
	Percent  int           `json:"percent"` // rounded down
	Mappings []reachedRule `json:"mappings"`
	Unasked  []string      `json:"roles_without_test,omitempty"`
	Lines    *float64      `json:"generated_lines_percent,omitempty"` // that Rego tests ran by themselves
}

type reachedRule struct {
	Name         string        `json:"name"`
	Connection   string        `json:"connection,omitempty"`
	Client       string        `json:"client,omitempty"`
	Where        string        `json:"where"`
	Tests        int           `json:"tests"` // in which it gave a role
	Alternatives []reachedPart `json:"alternatives,omitempty"`
}

type reachedPart struct {
	What  string `json:"what"`
	Where string `json:"where"`
	Tests int    `json:"tests"`
}

func reachedOf(c trial.Coverage, inRego *trial.Rego) *reached {
	out := &reached{Reached: c.Reached, Parts: c.Parts, Percent: 100, Mappings: []reachedRule{}}
	if c.Parts > 0 {
		out.Percent = 100 * c.Reached / c.Parts
	}
	for _, m := range c.Mappings {
		one := reachedRule{Name: m.Name, Connection: m.Connection, Client: m.Client, Where: m.Where, Tests: m.Tests}
		for _, a := range m.Alternatives {
			one.Alternatives = append(one.Alternatives, reachedPart(a))
		}
		out.Mappings = append(out.Mappings, one)
	}
	for _, r := range c.Unasked {
		out.Unasked = append(out.Unasked, r.Name)
	}
	if inRego != nil {
		out.Lines = &inRego.Lines
	}
	return out
}

// coverage shows what tests reach, and marks what they do not.
func (t *terminal) coverage(c *reached) error {
	tests := func(n int) string {
		if n == 0 {
			return "NONE"
		}
		return strconv.Itoa(n)
	}
	var rows [][]string
	for _, m := range c.Mappings {
		of := "clients"
		switch {
		case m.Connection != "":
			of = m.Connection
		case m.Client != "":
			of = "client " + m.Client
		}
		rows = append(rows, []string{tests(m.Tests), m.Name, of, m.Where})
		for _, a := range m.Alternatives {
			rows = append(rows, []string{tests(a.Tests), "  " + a.What, "", a.Where})
		}
	}
	if err := t.printf("\n"); err != nil {
		return err
	}
	if len(rows) > 0 {
		if err := t.table([]column{{title: "TESTS"}, {title: "MAPPING", cut: true}, {title: "OF"}, {title: "WHERE"}}, rows); err != nil {
			return err
		}
	}
	if err := t.printf("\nThe tests reach %d of %s (%d%%).\n", c.Reached, counted(c.Parts, "mapping, group and branch", "mappings, groups and branches"), c.Percent); err != nil {
		return err
	}
	if len(c.Unasked) > 0 {
		if err := t.paragraphs("", []field{{"", "Roles that no test is about: " + orNone(c.Unasked, "") + "."}}); err != nil {
			return err
		}
	}
	if c.Lines == nil || *c.Lines == 0 {
		return nil
	}
	return t.printf("The Rego tests run %.0f%% of the lines of the generated policy by themselves.\n", *c.Lines)
}

// counted is a number of things; the plural is that with an s where none is given.
func counted(n int, one string, many ...string) string {
	if n == 1 {
		return "1 " + one
	}
	if len(many) > 0 {
		return fmt.Sprintf("%d %s", n, many[0])
	}
	return fmt.Sprintf("%d %ss", n, one)
}
