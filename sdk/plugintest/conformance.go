package plugintest

import (
	"crypto/rand"
	"slices"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Fixture is what the conformance suite has to know of a plugin.
type Fixture struct {
	Kind       string
	Config     any                  // a good configuration, as for Harness.Configure
	BadConfigs map[string]BadConfig // what the plugin itself has to refuse

	// Good are credentials that the good configuration accepts. Where the host
	// keeps the records the suite issues its own, and these are not needed.
	Good []authn.VerifyRequest

	// Bad are credentials that it refuses.
	Bad map[string]BadCredential

	// Hashes are what a kind that imports takes, with their secrets, under the
	// good configuration. BadHashes it does not take.
	Hashes    map[string]Hash
	BadHashes map[string]string
}

// Hash is a hash as another system kept it, and the secret that it is of.
type Hash struct {
	Text   string
	Secret secret.Text
}

// BadConfig fits the schema, but not the plugin.
type BadConfig struct {
	Values any
	Path   diag.Path // the attribute that one of the errors is about
}

// BadCredential is refused. Where the host keeps the records, the suite adds
// one to the request.
type BadCredential struct {
	Request authn.VerifyRequest
	Reason  authn.Reason // 0 is any
}

// Run puts a plugin through what the host expects of every one. Start is called
// once for each part, with New or with Exec: run the suite with both.
//
// It checks the description; that a wrong configuration is refused with
// diagnostics on attributes that exist, and changes nothing; that validating
// needs neither keys nor known values; that credentials are accepted and
// refused alike one by one and over a stream; that hostile, oversize and
// unknown input is refused without an error or a panic; a thousand calls at
// once while the instance is replaced; deadlines and abandoned calls; that
// issued secrets outlive a restart; that imported hashes accept their secrets and
// are replaced at the first use; that nothing is left running after Remove;
// and that no secret appears in a log, an error, a diagnostic or an audit event.
func Run(t *testing.T, start func(t *testing.T) *Harness, f Fixture) {
	parts := []struct {
		name string
		run  func(s *suite)
	}{
		{"the description is sound", (*suite).description},
		{"a good configuration is accepted", (*suite).goodConfig},
		{"bad configurations are refused", (*suite).badConfigs},
		{"a value that does not fit the schema is no panic", (*suite).unfitValues},
		{"validating changes nothing", (*suite).validation},
		{"a failing Configure leaves the instance", (*suite).failingConfigure},
		{"an instance that is not configured", (*suite).notConfigured},
		{"credentials", (*suite).credentials},
		{"unknown records", (*suite).unknownRecords},
		{"hostile input", (*suite).hostileInput},
		{"oversize input", (*suite).oversize},
		{"fields of a newer host", (*suite).newerHost},
		{"a thousand calls at once", (*suite).parallel},
		{"deadlines and abandoned calls", (*suite).deadlines},
		{"a restart", (*suite).restart},
		{"hashes of other systems", (*suite).imports},
		{"nothing is left after Remove", (*suite).leaks},
		{"secrets are not shown", (*suite).secrets},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			s := &suite{T: t, h: start(t), f: f}
			kind, ok := s.h.kind(f.Kind)
			if !ok {
				t.Fatalf("the plugin describes no kind %q", f.Kind)
			}
			s.kind = kind
			part.run(s)
		})
	}
}

// suite is one part of the suite, with a plugin of its own.
type suite struct {
	*testing.T
	h    *Harness
	f    Fixture
	kind authn.ProgramKind
}

// name is that of the instance, as the host names one of the whole installation.
func (s *suite) name() string { return s.f.Kind }

func (s *suite) configured() {
	s.Helper()
	if ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil || ds.HasErrors() {
		s.Fatalf("the good configuration was refused: %v %v\nthe plugin's log:\n%s", ds, err, s.h.Logs())
	}
}

// good is a credential with the record that it belongs to; "" without records.
type good struct {
	authn.VerifyRequest
	record string
}

// issued makes credentials whose records the host keeps, or takes the
// fixture's. Each request carries two records, as during a rotation.
func (s *suite) issued(n int) []good {
	s.Helper()
	var out []good
	if s.kind.Records == authn.RecordsNone {
		if len(s.f.Good) == 0 {
			s.Fatal("the fixture has no good credential")
		}
		for _, r := range s.f.Good {
			out = append(out, good{VerifyRequest: r})
		}
		return out
	}
	other := s.issue()
	for i := range n {
		g := s.issue()
		g.Records = append(g.Records, other.Records...)
		if i%2 == 1 {
			slices.Reverse(g.Records)
		}
		out = append(out, g)
	}
	return out
}

const clientID = "my-tenant"

func (s *suite) issue() good {
	s.Helper()
	id := newRecordID()
	made, err := s.h.Issue(s.Context(), s.name(), authn.IssueRequest{RecordID: id, ClientID: clientID})
	if err != nil {
		s.Fatalf("issuing a secret: %v", err)
	}
	if made.Secret == "" || len(made.Verifier) == 0 || made.Hint == "" {
		s.Fatal("an issued secret needs the secret, its verifier and a hint")
	}
	record := authn.Record{ID: id, Verifier: made.Verifier}
	return good{authn.VerifyRequest{ID: clientID, Secret: made.Secret, Records: []authn.Record{record}}, id}
}

// bad are the fixture's, with a record where the host keeps some.
func (s *suite) bad() map[string]BadCredential {
	s.Helper()
	out := map[string]BadCredential{}
	for name, b := range s.f.Bad {
		if s.kind.Records == authn.RecordsHost && len(b.Request.Records) == 0 {
			b.Request.Records = s.issue().Records
		}
		out[name] = b
	}
	return out
}

func newRecordID() string {
	id, err := secret.NewID(rand.Reader, "K", 21)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return id
}
