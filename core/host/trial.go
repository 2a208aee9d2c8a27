package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/policy/lint"
	"github.com/gatehouse-id/gatehouse/core/policy/trial"
)

// tests are those of a configuration, with what they need to know of its blocks.
func tests(c *config.Config) []trial.Test {
	var list []trial.Test
	add := func(tests []config.Test, of trial.Test) {
		for _, t := range tests {
			// What a variable says that is not set cannot be tried.
			if unknown := of.Organization == "" && (of.Connection != "" || of.Client != nil && of.Client.Organization == ""); unknown || !t.Known {
				continue
			}
			one := of
			one.Name, one.Who, one.Auth, one.Roles, one.Range, one.Where = t.Name, t.Who, t.Auth, t.Roles, t.Range, where(t.Range.Filename, t.Range.Start.Line)
			list = append(list, one)
		}
	}
	add(c.Tests, trial.Test{})
	for _, client := range c.Clients {
		who := asPrincipal(client)
		add(client.Tests, trial.Test{Client: &who})
	}
	for _, connection := range c.Connections {
		add(connection.Tests, trial.Test{Connection: connection.Label, Organization: connection.Organization})
	}
	return list
}

// asPrincipal is a client as its block says.
func asPrincipal(c config.Client) policy.Principal {
	who := policy.Principal{Kind: policy.KindClient, ID: c.ID, Organization: c.Organization, Owner: c.Owner, Scopes: c.Scopes}
	for _, role := range c.Roles {
		who.Grants = append(who.Grants, policy.Grant{Role: role, Source: string(grant.File), Rule: fmt.Sprintf("client %q", c.ID)})
	}
	return who
}

func suite(p *policy.Policy, c *config.Config) *trial.Suite {
	var clients []policy.Principal
	for _, client := range c.Clients {
		clients = append(clients, asPrincipal(client))
	}
	return trial.New(p, rules(c), clients)
}

// try runs the tests of a configuration, and reports those that fail. Where something
// else is wrong they are left: they would fail for it.
func try(ctx context.Context, p *policy.Policy, c *config.Config, report *config.Report) ([]trial.Result, error) {
	if p == nil || report.HasErrors() {
		return nil, nil
	}
	all := tests(c)
	if len(all) == 0 {
		return nil, nil
	}
	s := suite(p, c)
	results, ds, err := s.Run(ctx, all)
	if err != nil {
		return nil, err
	}
	report.Add(ds)
	failures, err := s.Failures(ctx, results)
	if err != nil {
		return nil, err
	}
	report.AddAs(config.CodeTest, failures)
	return results, nil
}

// Policy is what a configuration says about roles and routes, compiled without a host
// and without plugins.
type Policy struct {
	*policy.Policy
	Suite         *trial.Suite
	Results       []trial.Result    // of the test blocks
	Organizations map[string]string // of each connection
	config        *config.Config
}

// OpenPolicy reads and compiles it, and runs its test blocks. Variables and files that
// are not there are no mistake. Without a policy the report says what is wrong.
func OpenPolicy(ctx context.Context, o Options) (*Policy, *config.Report, error) {
	source, err := o.source()
	if err != nil {
		return nil, nil, err
	}
	c, report := o.load(source, true)
	compiled, ds := policy.Compile(ctx, rules(c))
	if report.Add(ds); report.HasErrors() {
		return nil, report, nil
	}
	p := &Policy{Policy: compiled, Suite: suite(compiled, c), Organizations: map[string]string{}, config: c}
	for _, connection := range c.Connections {
		p.Organizations[connection.Label] = connection.Organization
	}
	if p.Results, err = try(ctx, compiled, c, report); err != nil {
		return nil, report, err
	}
	return p, report, nil
}

// maxRegoFiles bounds the files of Rego tests.
const maxRegoFiles = 1000

// RegoTests reads the files *_test.rego beside the configuration.
func (o Options) RegoTests() ([]trial.File, error) {
	dir := o.folder()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the Rego tests: %w", err)
	}
	var files []trial.File
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, "_test.rego") || strings.HasPrefix(name, ".") {
			continue
		}
		if len(files) == maxRegoFiles {
			return nil, fmt.Errorf("there are more than %d files of Rego tests in %s", maxRegoFiles, dir)
		}
		text, err := config.ReadUnder(dir, name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, name), err)
		}
		files = append(files, trial.File{Name: name, Text: text})
	}
	slices.SortFunc(files, func(a, b trial.File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// Check adds to a report what has no effect, as warnings or, with strict, as errors.
func (p *Policy) Check(report *config.Report, strict bool) {
	facts := lint.Facts{Policy: p.Policy}
	for _, client := range p.config.Clients {
		facts.Given = append(facts.Given, client.Roles...)
	}
	for _, k := range p.config.Connections {
		facts.Connections = append(facts.Connections, lint.Connection{
			Label: k.Label, Organization: k.Organization, Range: k.Range, Tests: len(k.Tests), Mentioned: trial.Groups(p.Results, k.Label),
		})
	}
	for _, f := range lint.Check(rules(p.config), facts) {
		if strict {
			f.Diagnostic.Severity = hcl.DiagError
		}
		report.AddAs(codeOf(f.Kind), hcl.Diagnostics{f.Diagnostic})
	}
}

// codeOf is the code of what a check finds.
func codeOf(k lint.Kind) config.Code {
	switch k {
	case lint.RoleUnused:
		return config.CodeRoleUnused
	case lint.MappingNever:
		return config.CodeMappingNever
	case lint.MappingIdle:
		return config.CodeMappingIdle
	case lint.PermissionNone:
		return config.CodePermissionNone
	case lint.RouteUnreachable:
		return config.CodeRouteUnreachable
	case lint.Untested:
	}
	return config.CodeUntested
}
