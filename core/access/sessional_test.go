package access_test

import (
	"context"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// sessional is a Service in which the group Admins makes analysts of those who signed on
// as the condition says.
func (w *world) sessional(t *testing.T, when string) *access.Service {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(when), "acme.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	o := w.options
	if o.Policy, diags = policy.Compile(t.Context(), policy.Rules{
		Roles:    []policy.Role{{Name: "analyst", Permissions: []string{"query:execute"}}, {Name: "admin", Permissions: []string{"*"}}},
		Mappings: []policy.Mapping{{Name: "m", Connection: "okta", Groups: []string{"Admins"}, When: e, Roles: []string{"analyst"}}},
		Routes:   []policy.Route{{Upstream: "app", Pattern: "/query", Permission: "query:execute"}},
	}); diags.HasErrors() {
		t.Fatal(diags)
	}
	o.Rules, o.Before = 1, w.service
	s, err := access.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signOnAs starts another session of jane.
func (w *world) signOnAs(t *testing.T, s *counted, a authn.Authentication) (made session.Session, token secret.Text) {
	t.Helper()
	if err := w.store.Write(t.Context(), func(tx *store.Tx) (err error) {
		made, token, err = s.Start(t.Context(), tx, session.By{Actor: "connection:okta"}, session.Start{
			Organization: "acme", User: "jane", Connection: "okta", Instance: "okta/saml", Host: "gate.example",
			Identity: authn.Identity{Issuer: "idp", Subject: "jane", Authentication: a},
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return made, token
}

func (w *world) inGroups(names ...string) {
	who := w.people["jane"]
	who.Groups = nil
	for _, name := range names {
		who.Groups = append(who.Groups, directory.GroupName{Display: name})
	}
	w.people["jane"] = who
}

// What a mapping gives because of a sign-on, that session has and no other.
func TestAMappingOfASession(t *testing.T) {
	t.Parallel()
	mfa := authn.Authentication{MultiFactor: authn.MultiFactorYes, Context: "urn:strong", Methods: []string{"pwd", "otp"}}
	for when, of := range map[string][3]bool{ // with more factors, with one, and where the IdP says nothing
		`auth.mfa`:                             {true, false, false},
		`auth.mfa == true`:                     {true, false, false},
		`auth.mfa == false`:                    {false, true, false},
		`!auth.mfa`:                            {false, true, false},
		`auth.mfa != true`:                     {false, true, false},
		`contains(auth.methods, "otp")`:        {true, false, false},
		`!contains(auth.methods, "otp")`:       {false, true, true},
		`auth.context == "urn:strong"`:         {true, false, false},
		`auth.context != "urn:strong"`:         {false, true, false},
		`auth.connection == "okta"`:            {true, true, true},
		`auth.instance == "okta/saml"`:         {true, true, true},
		`auth.mfa && user.email == "j@a.test"`: {true, false, false},
		`auth.mfa && user.title != "x"`:        {false, false, false},
		`auth.mfa || true`:                     {true, true, false},
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			w, sessions, _, _ := signedOn(t)
			who := w.people["jane"]
			who.Attributes = []byte(`{"emails":[{"value":"j@a.test"}]}`)
			w.people["jane"] = who
			w.inGroups("Admins")
			w.service = w.sessional(t, when)
			asked, err := w.service.Permits(t.Context(), access.Subject{Kind: access.KindUser, ID: "jane", Organization: "acme", Connection: "okta"}, "query:execute")
			if err != nil || asked.Allow {
				t.Errorf("whoever is asked about has signed on in no way: %+v, %v", asked, err)
			}
			for i, a := range []authn.Authentication{mfa, {MultiFactor: authn.MultiFactorNo, Context: "urn:weak", Methods: []string{"pwd"}}, {}} {
				_, token := w.signOnAs(t, sessions, a)
				if d, err := w.browse("/query", token, nil); (err == nil) != of[i] || err == nil && d.Principal.Roles()[0] != "analyst" {
					t.Errorf("session %d: %v, want %t", i, err, of[i])
				}
			}
		})
	}
}

// It follows the user's groups and the configuration from the next request on, and an
// error is no "no roles".
func TestAMappingOfASessionFollows(t *testing.T) {
	t.Parallel()
	w, sessions, _, _ := signedOn(t)
	first, token := w.signOnAs(t, sessions, authn.Authentication{MultiFactor: authn.MultiFactorYes})
	_, other := w.signOnAs(t, sessions, authn.Authentication{MultiFactor: authn.MultiFactorNo})
	check := func(when string, want problem.Code) {
		t.Helper()
		if _, err := w.browse("/query", token, nil); want == "" && err != nil || want != "" && !problem.Is(err, want) {
			t.Errorf("%s: %v, want %q", when, err, want)
		}
		if _, err := w.browse("/query", other, nil); err == nil {
			t.Errorf("%s: the other session has the role", when)
		}
	}
	check("no such mapping", problem.Forbidden)
	w.service = w.sessional(t, "auth.mfa") // which the user was found without
	w.feed.Announce(change.Policy())
	check("not in the group", problem.Forbidden)
	w.inGroups("Admins")
	w.feed.Announce(change.Grants(grant.User("jane")))
	check("in the group", "")
	w.inGroups("Others")
	w.feed.Announce(change.Grants(grant.User("jane")))
	check("out of it", problem.Forbidden)
	w.inGroups("Admins")
	w.feed.Announce(change.Connection("okta"))
	check("in it again", "")
	w.service = w.sessional(t, "!auth.mfa && false")
	w.feed.Announce(change.Policy())
	check("the mapping is gone", problem.Forbidden)
	w.service = w.sessional(t, "auth.mfa")
	w.feed.Announce(change.Policy())
	check("the mapping is back", "")
	if _, err := sessions.End(context.Background(), session.By{}, session.SignedOut, first.ID); err != nil {
		t.Fatal(err)
	}
	check("signed out", problem.Unauthenticated)
}

// A client that the person owns has nothing of it: a program has not signed on.
func TestAMappingOfASessionIsNotTheOwners(t *testing.T) {
	t.Parallel()
	w := owned(t, jane(), "analyst")
	w.inGroups("Admins")
	w.service = w.sessional(t, `auth.connection == "okta" || true`)
	if _, err := w.check("/query"); !problem.Is(err, problem.Forbidden) {
		t.Errorf("%v", err)
	}
}
