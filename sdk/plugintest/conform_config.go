package plugintest

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// description: what the host would not load fails here.
func (s *suite) description() {
	if err := withNew(s.h.Describe()).Check(); err != nil {
		s.Errorf("the description:\n%v", err)
	}
}

// withNew is a description as its author wrote it: New does not cross the
// boundary, and Check asks for it.
func withNew(p plugin.Plugin) plugin.Plugin {
	p.Programs, p.People, p.Provisioners = slices.Clone(p.Programs), slices.Clone(p.People), slices.Clone(p.Provisioners)
	for i := range p.Programs {
		p.Programs[i].New = func(context.Context, instance.Config) (authn.Programs, diag.Diagnostics) { return nil, nil }
	}
	for i := range p.People {
		p.People[i].New = func(context.Context, instance.Config) (authn.People, diag.Diagnostics) { return nil, nil }
	}
	for i := range p.Provisioners {
		p.Provisioners[i].New = func(context.Context, instance.Config) (any, diag.Diagnostics) { return nil, nil }
	}
	return p
}

func (s *suite) goodConfig() {
	s.configured()
	if len(s.h.Credentials(s.name())) == 0 {
		s.Error("the instance reads no credential")
	}
	for i, c := range s.h.Credentials(s.name()) {
		if err := c.Check(s.kind.Records); err != nil {
			s.Errorf("credential %d: %v", i+1, err)
		}
	}
	s.configured() // a second time is a replacement
	for range 2 {  // and removing what is not there is no error
		if err := s.h.Remove(s.Context(), s.name()); err != nil {
			s.Errorf("Remove: %v", err)
		}
	}
}

// badConfigs: each is refused, on an attribute that is in the schema.
func (s *suite) badConfigs() {
	if len(s.f.BadConfigs) == 0 {
		s.Skip("the fixture has none")
	}
	for _, name := range slices.Sorted(maps.Keys(s.f.BadConfigs)) {
		bad := s.f.BadConfigs[name]
		ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), bad.Values)
		if err != nil || !ds.HasErrors() {
			s.Errorf("%s: diagnostics %v, error %v; want an error among the diagnostics", name, ds, err)
			continue
		}
		about := func(d diag.Diagnostic) bool {
			return d.Severity == diag.Error && slices.Equal(d.Path, bad.Path)
		}
		if !slices.ContainsFunc(ds, about) {
			s.Errorf("%s: no error is about %q: %v", name, bad.Path, ds)
		}
		s.soundDiagnostics(name, ds)
		if validated, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), bad.Values); err != nil || !validated.HasErrors() {
			s.Errorf("%s: Configure refuses it, Validate does not: %v %v", name, validated, err)
		}
	}
}

// unfitValues: the host's own check is skipped, to see what a mistake there
// would do. What is missing may be accepted, anything else is a complaint.
func (s *suite) unfitValues() {
	config, _, err := s.h.fit(s.f.Kind, s.f.Config, nil)
	if err != nil {
		s.Fatal(err)
	}
	with := func(name string, value any) json.RawMessage {
		values, err := asObject(config)
		if err != nil {
			s.Fatal(err)
		}
		delete(values, name)
		if value != nil {
			values[name], _ = json.Marshal(value)
		}
		text, err := json.Marshal(values)
		if err != nil {
			s.Fatal(err)
		}
		return text
	}
	send := func(what string, config json.RawMessage, refuse bool) {
		ds, err := s.h.configure(s.Context(), s.name(), s.f.Kind, config, nil, false)
		if err != nil || (refuse && !ds.HasErrors()) {
			s.Errorf("%s: diagnostics %v, error %v", what, ds, err)
		}
		s.soundDiagnostics(what, ds)
	}
	for _, a := range s.kind.Schema.Attributes {
		send(a.Name+" is missing", with(a.Name, nil), false)
		send(a.Name+" is of another type", with(a.Name, []map[string]int{{"x": 1}}), true)
	}
	send("an attribute of no schema", with("no_such_attribute", "x"), true)
	send("no object", json.RawMessage(`"text"`), true)
	send("no JSON", json.RawMessage(`{"`), true)
	if _, err := s.h.configure(s.Context(), s.name(), "no-such-kind", config, nil, false); !problem.Is(err, problem.NotFound) {
		s.Errorf("a kind that the plugin does not have: %v, want %s", err, problem.NotFound)
	}
}

// validation: it makes no instance, and complains about nothing that is not
// known.
func (s *suite) validation() {
	if ds, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil || ds.HasErrors() {
		s.Errorf("the good configuration does not validate: %v %v", ds, err)
	}
	s.expectNotConfigured()
	var all []string
	for _, a := range s.kind.Schema.Attributes {
		all = append(all, a.Name)
		if ds, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), s.f.Config, a.Name); err != nil || ds.HasErrors() {
			s.Errorf("it complains while %q is not known: %v %v", a.Name, ds, err)
		}
	}
	if ds, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), s.f.Config, all...); err != nil || ds.HasErrors() {
		s.Errorf("it complains while %s are not known: %v %v", strings.Join(all, ", "), ds, err)
	}
	s.configured()
	credentials := s.issued(1)
	if _, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil {
		s.Error(err)
	}
	s.expectAccepted(credentials)
}

func (s *suite) failingConfigure() {
	s.configured()
	credentials := s.issued(2)
	for name, bad := range s.f.BadConfigs {
		if ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), bad.Values); err != nil || !ds.HasErrors() {
			s.Errorf("%s was not refused: %v %v", name, ds, err)
		}
	}
	if ds, err := s.h.configure(s.Context(), s.name(), s.f.Kind, json.RawMessage(`[]`), nil, false); err != nil || !ds.HasErrors() {
		s.Errorf("a list instead of a block was not refused: %v %v", ds, err)
	}
	s.expectAccepted(credentials)
}

func (s *suite) notConfigured() {
	s.expectNotConfigured()
	s.configured()
	if err := s.h.Remove(s.Context(), s.name()); err != nil {
		s.Error(err)
	}
	s.expectNotConfigured()
}

func (s *suite) expectNotConfigured() {
	s.Helper()
	r := authn.VerifyRequest{Secret: "x"}
	if resp, err := s.h.Verify(s.Context(), s.name(), r); !problem.Is(err, problem.Unavailable) {
		s.Errorf("Verify of an instance that is not configured: %+v, %v; want %s", resp, err, problem.Unavailable)
	}
}
