package admin_test

import (
	"context"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// A client may belong to a user of its organization; when they leave, its keys
// are shown as stopped until that is taken back or final.
func TestAClientOfAUser(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	h := newHost(t, s)
	api, ctx := h.dial(t), t.Context()
	made, err := api.CreateClient(ctx, wire.NewClient{ID: "of-jane", Organization: "acme", Owner: "user:u-acme"})
	if err != nil || made.Client.Owner != "user:u-acme" {
		t.Fatalf("%+v, %v", made.Client, err)
	}
	if _, err := api.CreateClient(ctx, wire.NewClient{ID: "of-acme", Organization: "acme", Owner: "organization"}); err != nil {
		t.Error(err)
	}
	_, err = api.CreateClient(ctx, wire.NewClient{ID: "of-nobody", Organization: "acme", Owner: "user:u-globex"})
	refused(t, err, problem.Invalid, "no user")
	by := credential.By{Actor: "connection:acme-okta"}
	for _, step := range []struct {
		do   func(context.Context, *store.Tx, credential.By, []string) error
		want wire.KeyState
	}{
		{h.records.StopOwned, wire.KeyStopped}, {h.records.RestoreOwned, wire.KeyLive},
		{h.records.StopOwned, wire.KeyStopped}, {h.records.RevokeOwned, wire.KeyRevoked},
	} {
		if err := s.Write(ctx, func(tx *store.Tx) error { return step.do(ctx, tx, by, []string{"u-acme"}) }); err != nil {
			t.Fatal(err)
		}
		detail, err := api.Client(ctx, "of-jane")
		if err != nil || len(detail.Keys) != 1 || detail.Keys[0].State != step.want || detail.Keys[0].StoppedAt.IsZero() != (step.want == wire.KeyLive) {
			t.Errorf("want %s: %+v, %v", step.want, detail.Keys, err)
		}
	}
}
