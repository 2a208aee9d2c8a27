package credential_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Client, grants and key are written together: whichever fails, the id is free.
func TestAFailedPartOfACreationLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, r *rooms) {
		stop := errors.New("it failed")
		mine := credential.Client{ID: "mine", Organization: "acme", Instance: "apikey"}
		o := credential.Options{Store: r.store, Feed: r.feed, Audit: r.audit, Issuer: plugin{fail: stop}, Clock: func() time.Time { return r.now }, Random: rand.Reader}
		for name, create := range map[string]func() error{
			"the grants": func() error {
				_, _, _, err := r.Create(t.Context(), by, mine, 0, func(*store.Tx) error { return stop })
				return err
			},
			"the plugin": func() error {
				_, _, _, err := credential.New(o).Create(t.Context(), by, mine, 0, nothing)
				return err
			},
			"the record of the key": func() error {
				_, _, _, err := r.Create(t.Context(), by, mine, 0, func(tx *store.Tx) error {
					_, err := tx.Exec(t.Context(), `ALTER TABLE client_key RENAME TO away`)
					return err
				})
				return errors.Join(err, map[bool]error{true: stop}[err != nil])
			},
			"a lifetime": func() error {
				_, _, _, err := r.Create(t.Context(), by, mine, -1, nothing)
				return errors.Join(err, map[bool]error{true: stop}[problem.Is(err, problem.Invalid)])
			},
		} {
			if err := create(); !errors.Is(err, stop) {
				t.Errorf("%s: got %v", name, err)
			}
			if _, err := r.Client(t.Context(), "", "mine"); !problem.Is(err, problem.NotFound) {
				t.Errorf("%s: the client is there: %v", name, err)
			}
		}
		if _, key, _, err := r.Create(t.Context(), by, mine, time.Hour, nothing); err != nil || key.ClientID != "mine" || !key.ExpiresAt.Equal(r.now.Add(time.Hour)) {
			t.Errorf("after the failures: %+v, %v", key, err)
		}
	})
}
