package admin_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// dns is the TXT records that there are, by name.
type dns map[string][]string

func (d dns) LookupTXT(_ context.Context, name string) ([]string, error) {
	if texts, ok := d[name]; ok {
		return texts, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// filed are the domains of the configuration's files.
func filed(name string) string {
	return map[string]string{"acme.example": "acme"}[name]
}

func TestDomains(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := newHost(t, s)
		c, now := h.dial(t), *h.now.Load()
		want := wire.Domain{
			Organization: "globex", Domain: "xn--bcher-kva.example", State: wire.DomainPending,
			Record:  wire.DNSRecord{Name: "_gatehouse-challenge.xn--bcher-kva.example", Type: "TXT"},
			AddedAt: now, ExpiresAt: now.Add(14 * 24 * time.Hour),
		}
		one, err := c.AddDomain(t.Context(), wire.NewDomain{Organization: "globex", Domain: "Bücher.Example"})
		want.ID, want.Record.Value = one.ID, one.Record.Value
		if diff := cmp.Diff(want, one); err != nil || diff != "" || one.Record.Value == "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
		_, err = c.VerifyDomain(t.Context(), one.ID, wire.DomainVerification{})
		refused(t, err, problem.Conflict, "there is no TXT record at _gatehouse-challenge.xn--bcher-kva.example")
		list, err := c.Domains(t.Context(), wire.DomainQuery{Domain: "bücher.example"})
		want.CheckedAt, want.Failure = now, "there is no TXT record at _gatehouse-challenge.xn--bcher-kva.example"
		if diff := cmp.Diff([]wire.Domain{want}, list); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
		h.dns["_gatehouse-challenge.xn--bcher-kva.example."] = []string{one.Record.Value}
		proved, err := c.VerifyDomain(t.Context(), one.ID, wire.DomainVerification{})
		want.State, want.Failure, want.ExpiresAt, want.ProvedAt, want.ProvedBy = wire.DomainProved, "", time.Time{}, now, "dns"
		if diff := cmp.Diff(want, proved); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
		_, err = c.AddDomain(t.Context(), wire.NewDomain{Organization: "acme", Domain: "bücher.example"})
		refused(t, err, problem.Conflict, "is taken")
		if removed, err := c.RemoveDomain(t.Context(), one.ID); err != nil || removed.ID != one.ID {
			t.Errorf("%+v, %v", removed, err)
		}
		_, err = c.RemoveDomain(t.Context(), one.ID)
		refused(t, err, problem.NotFound, "gatehouse domain list")
	})
}

func TestDomainsAreRefused(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, root := h.token(t)
	_, acme := h.confined(t, "acme")
	claim, err := h.dial(t).AddDomain(t.Context(), wire.NewDomain{Organization: "acme", Domain: "acme.test"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		path, body string
		confined   bool
		status     int
		words      string
	}{
		"without an organization":     {"/domains", `{"organization":"","domain":"new.example"}`, false, 400, "there is no organization"},
		"of nobody":                   {"/domains", `{"organization":"amce","domain":"new.example"}`, false, 400, `did you mean \"acme\"`},
		"without a domain":            {"/domains", `{"organization":"acme","domain":""}`, false, 400, "is no domain"},
		"an address":                  {"/domains", `{"organization":"acme","domain":"jane@acme.example"}`, false, 400, "behind the @"},
		"mail for everybody":          {"/domains", `{"organization":"acme","domain":"gmail.com"}`, false, 400, "everybody"},
		"one of the files":            {"/domains", `{"organization":"acme","domain":"acme.example"}`, false, 409, "counts as proved"},
		"one of another's files":      {"/domains", `{"organization":"globex","domain":"acme.example"}`, false, 409, "is taken"},
		"of another organization":     {"/domains", `{"organization":"globex","domain":"new.example"}`, true, 403, `confined to the organization \"acme\"`},
		"its own word":                {"/domains/" + claim.ID + "/verify", `{"vouch":true}`, true, 403, "an operator of the installation can vouch"},
		"something that is not known": {"/domains/" + claim.ID + "/verify", `{"force":true}`, false, 400, "force"},
		"the word of an operator":     {"/domains/" + claim.ID + "/verify", `{"vouch":true}`, false, 200, `"proved_by":"admin_token:`},
	} {
		token := root
		if tt.confined {
			token = acme
		}
		if res, body := h.send(t, http.MethodPost, wire.Prefix+tt.path, tt.body, with(token)); res.StatusCode != tt.status || !strings.Contains(body, tt.words) {
			t.Errorf("%s: %s %s", name, res.Status, body)
		}
	}
}
