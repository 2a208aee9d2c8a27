package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Routes that ask how somebody has signed on let in nobody who has not, also
// where the verdict on them is known.
func TestStepUp(t *testing.T) {
	t.Parallel()
	w, sessions, _, _ := signedOn(t, "analyst")
	sign := func(ago time.Duration, factors authn.MultiFactor) (token secret.Text) {
		t.Helper()
		a := authn.Authentication{MultiFactor: factors}
		if ago != 0 {
			a.Time = w.clock().Add(-ago)
		}
		err := w.store.Write(t.Context(), func(tx *store.Tx) (err error) {
			_, token, err = sessions.Start(t.Context(), tx, session.By{Actor: "connection:okta"}, session.Start{
				Organization: "acme", User: "jane", Connection: "okta", Instance: "okta/saml", Host: "gate.example",
				Identity: authn.Identity{Issuer: "idp", Subject: "jane", Authentication: a},
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	const in, out = true, false
	for name, tt := range map[string]struct {
		ago                 time.Duration // 0 is unsaid
		factors             authn.MultiFactor
		twice, lately, both bool
	}{
		"a moment ago, with two":  {time.Second, authn.MultiFactorYes, in, in, in},
		"a moment ago, with one":  {time.Second, authn.MultiFactorNo, out, in, out},
		"a moment ago, unsaid":    {time.Second, authn.MultiFactorUnsaid, out, in, out},
		"long ago, with two":      {11 * time.Minute, authn.MultiFactorYes, in, out, out},
		"long ago, with one":      {11 * time.Minute, authn.MultiFactorNo, out, out, out},
		"nobody knows when":       {0, authn.MultiFactorYes, in, out, out},
		"by a clock that is fast": {-time.Minute, authn.MultiFactorYes, in, in, in},
	} {
		t.Run(name, func(t *testing.T) {
			token := sign(tt.ago, tt.factors)
			for path, want := range map[string]bool{"/query": in, "/twice": tt.twice, "/lately": tt.lately, "/both": tt.both} {
				for range 2 {
					_, err := w.browse(path, token, nil)
					var step *access.StepUp
					if (err == nil) != want || err != nil && (!problem.Is(err, problem.InsufficientAuthentication) || !errors.As(err, &step)) {
						t.Errorf("%s: %v", path, err)
					}
				}
			}
		})
	}
	t.Run("time goes on", func(t *testing.T) {
		token := sign(time.Second, authn.MultiFactorYes)
		if _, err := w.browse("/both", token, nil); err != nil {
			t.Fatal(err)
		}
		w.now.Add(int64(10 * time.Minute))
		if _, err := w.browse("/both", token, nil); !problem.Is(err, problem.InsufficientAuthentication) {
			t.Errorf("ten minutes later: %v", err)
		}
	})
	t.Run("a program", func(t *testing.T) {
		for _, path := range []string{"/twice", "/lately"} {
			if _, err := w.service.Check(t.Context(), w.at(path)); !problem.Is(err, problem.Forbidden) {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
}
