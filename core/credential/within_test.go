package credential_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// To whoever is confined within an organization, what is of another is refused
// with the words for what is not there, and stays as it was.
func TestWithinAnOrganization(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		ctx := t.Context()
		r.client(t, "theirs")
		key, _ := r.key(t, "theirs")
		token, _, err := r.tokens.Create(ctx, by, "theirs", "acme", nil, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		whole, _, err := r.tokens.Create(ctx, by, "whole", "", nil, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		change := func(c credential.Client) (credential.Client, error) {
			t.Error("a change is shown the client")
			return c, nil
		}
		with := func(*store.Tx, credential.Client) error { return errors.New("joined") }
		stranger := credential.By{Actor: "stranger", Within: "globex"}
		for name, tt := range map[string]struct {
			theirs, unknown string
			do              func(by credential.By, id string) error
		}{
			"see": {"theirs", "nobody", func(by credential.By, id string) error {
				_, err := r.Client(ctx, by.Within, id)
				return err
			}},
			"issue": {"theirs", "nobody", func(by credential.By, id string) error {
				_, _, err := r.Issue(ctx, by, id, 0)
				return err
			}},
			"rotate": {"theirs", "nobody", func(by credential.By, id string) error {
				_, _, err := r.Rotate(ctx, by, id, 0, 0)
				return err
			}},
			"change": {"theirs", "nobody", func(by credential.By, id string) error {
				_, err := r.Update(ctx, by, id, change, with)
				return err
			}},
			"revoke a key": {key.ID, "K000", func(by credential.By, id string) error {
				_, err := r.Revoke(ctx, by, id, "")
				return err
			}},
			"revoke a token": {token.ID, "T000", func(by credential.By, id string) error {
				_, err := r.tokens.Revoke(ctx, by, id)
				return err
			}},
			"revoke a token of the installation": {whole.ID, "T000", func(by credential.By, id string) error {
				_, err := r.tokens.Revoke(ctx, by, id)
				return err
			}},
			"list tokens after": {token.ID, "T000", func(by credential.By, id string) error {
				_, err := r.tokens.List(ctx, by.Within, id, 10)
				return err
			}},
		} {
			none, theirs := tt.do(stranger, tt.unknown), tt.do(stranger, tt.theirs)
			if none == nil || theirs == nil || problem.As(none).Code != problem.As(theirs).Code || strings.ReplaceAll(theirs.Error(), tt.theirs, tt.unknown) != none.Error() {
				t.Errorf("%s: %v, and for an id that is not there: %v", name, theirs, none)
			}
		}
		if _, _, _, err := r.Create(ctx, stranger, credential.Client{ID: "new", Organization: "acme", Instance: "apikey"}, 0, nothing); !problem.Is(err, problem.Forbidden) {
			t.Errorf("a client for another: %v", err)
		}
		for _, organization := range []string{"acme", ""} {
			if _, _, err := r.tokens.Create(ctx, stranger, "new", organization, nil, time.Hour); !problem.Is(err, problem.Forbidden) {
				t.Errorf("a token for %q: %v", organization, err)
			}
		}
		if list, err := r.tokens.List(ctx, "globex", "", 10); err != nil || len(list) != 0 {
			t.Errorf("the tokens of nobody: %+v, %v", list, err)
		}
		if keys, err := r.Keys(ctx, "theirs"); err != nil || len(keys) != 1 || keys[0].State != credential.Live {
			t.Errorf("keys: %+v, %v", keys, err)
		}
		if list, err := r.tokens.List(ctx, "", "", 10); err != nil || len(list) != 2 || !list[0].RevokedAt.IsZero() || !list[1].RevokedAt.IsZero() {
			t.Errorf("tokens: %+v, %v", list, err)
		}

		// And within, everything goes on.
		own := credential.By{Actor: "own", Within: "acme"}
		if _, _, err := r.Issue(ctx, own, "theirs", 0); err != nil {
			t.Error(err)
		}
		if _, err := r.Revoke(ctx, own, key.ID, "seen"); err != nil {
			t.Error(err)
		}
		if _, err := r.tokens.Revoke(ctx, own, token.ID); err != nil {
			t.Error(err)
		}
		var entries []audit.Entry
		if err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
			entries, err = r.audit.List(ctx, tx, audit.Query{})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		of := map[string]string{} // subject and action -> organization
		for _, e := range entries {
			of[e.Payload.Subject+" "+string(e.Action)] = e.Payload.Organization
		}
		if of[token.ID+" "+string(audit.AdminTokenCreated)] != "acme" || of[token.ID+" "+string(audit.AdminTokenRevoked)] != "acme" {
			t.Errorf("recorded for %v", of)
		}
	})
}
