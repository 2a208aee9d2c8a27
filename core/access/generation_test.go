package access_test

import (
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// TestANewConfigurationVerifiesNothingAgain changes what a role may do. Whoever
// was verified is not verified again, and may do what the new role may.
func TestANewConfigurationVerifiesNothingAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, err := w.service.Check(t.Context(), w.at("/query"))
	if err != nil {
		t.Fatal(err)
	}
	same := w.reconfigured(t, []string{"query:execute"}, func(*access.Options) {})
	verified, read := w.verified.Load(), w.hits.Load()
	after, err := same.Check(t.Context(), w.at("/query"))
	if err != nil {
		t.Fatal(err)
	}
	if w.verified.Load() != verified || w.hits.Load() != read {
		t.Error("the credential was verified again")
	}
	if before.Identity.Assertion()[0] != after.Identity.Assertion()[0] {
		t.Error("the assertion was signed anew, although it says the same")
	}
	less := w.reconfigured(t, []string{"other:thing"}, func(*access.Options) {})
	if _, err := less.Check(t.Context(), w.at("/query")); !problem.Is(err, problem.Forbidden) {
		t.Errorf("a role that was made smaller still gives what it gave: %v", err)
	}
	// A request that began with the configuration before may come in late.
	if _, err := same.Check(t.Context(), w.at("/query")); err != nil {
		t.Error(err)
	}
	if _, err := less.Check(t.Context(), w.at("/query")); !problem.Is(err, problem.Forbidden) {
		t.Errorf("a late request brought the old role back: %v", err)
	}
	if w.verified.Load() != verified {
		t.Error("the credential was verified again")
	}
}

func TestAnotherAudienceIsToldAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, err := w.service.Check(t.Context(), w.at("/query"))
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*access.Options){
		"issuer":    func(o *access.Options) { o.Assertions.Issuer = "https://other.example" },
		"upstreams": func(o *access.Options) { o.Assertions.Upstreams = []string{"second", "app"} },
	} {
		after, err := w.reconfigured(t, []string{"query:execute"}, edit).Check(t.Context(), w.at("/query"))
		if err != nil {
			t.Fatal(err)
		}
		if before.Identity.Assertion()[0] == after.Identity.Assertion()[0] {
			t.Errorf("another %s: the assertion is the one of before", name)
		}
	}
}

// TestWhatIsVerifiedAgain are the changes of a configuration after which what
// was verified counts no more.
func TestWhatIsVerifiedAgain(t *testing.T) {
	t.Parallel()
	t.Run("its instance", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		if _, err := w.service.Check(t.Context(), w.at("/query")); err != nil {
			t.Fatal(err)
		}
		verified := w.verified.Load()
		w.feed.Announce(change.Instance("apikey"))
		if _, err := w.reconfigured(t, []string{"query:execute"}, func(*access.Options) {}).Check(t.Context(), w.at("/query")); err != nil {
			t.Fatal(err)
		}
		if w.verified.Load() != verified+1 {
			t.Error("an instance with another configuration was not asked")
		}
	})
	t.Run("its organization is gone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.answer = func(authn.VerifyRequest) (authn.VerifyResponse, error) {
			return authn.AcceptSubject(authn.Subject{ID: "s", Organization: "acme", RevocationID: "j", Expires: start.Add(time.Hour)}), nil
		}
		request := func() *access.Request { return w.request(h("Authorization", "Bearer tok_x")) }
		if _, err := w.service.Check(t.Context(), request()); err != nil {
			t.Fatal(err)
		}
		gone := w.reconfigured(t, []string{"query:execute"}, func(o *access.Options) { o.Organizations = map[string]bool{} })
		if _, err := gone.Check(t.Context(), request()); !problem.Is(err, problem.Forbidden) {
			t.Errorf("a token of an organization that was taken out: %v", err)
		}
	})
}
