//go:build unix

package pluginhost_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

func once(id string) authn.CompleteRequest {
	return authn.CompleteRequest{Endpoints: endpoints(), Incoming: authn.Incoming{Method: "POST", RawQuery: "once", Body: []byte(id)}}
}

// What an answer rests on counts once for its instance, whatever the plugin remembers:
// of many that come at the same time, one signs on.
func TestAnAnswerThatCountsOnce(t *testing.T) {
	t.Parallel()
	h, p := signOns(t, "all")
	const copies = 8
	outcomes := make(chan error, copies)
	for range copies {
		go func() {
			_, err := p.Complete(t.Context(), once("a-1"))
			outcomes <- err
		}()
	}
	signedOn := 0
	for range copies {
		err := <-outcomes
		denied := (*authn.Denied)(nil)
		switch {
		case err == nil:
			signedOn++
		case !errors.As(err, &denied) || denied.Reason != "replay":
			t.Error(err)
		}
	}
	if signedOn != 1 {
		t.Errorf("%d of %d copies signed on", signedOn, copies)
	}
	for _, id := range []string{"a-2", "a-3"} {
		if _, err := p.Complete(t.Context(), once(id)); err != nil {
			t.Errorf("another answer: %v", err)
		}
	}
	other := h.signOn(t, "signon", "all", "globex-okta/all", false)
	if _, err := other.Complete(t.Context(), once("a-1")); err != nil {
		t.Errorf("the same id of another instance: %v", err)
	}
}

// Without the grant nothing would be remembered, so nobody is signed on.
func TestAnAnswerThatCountsOnceWithoutTheGrant(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	spec := h.bundled("signon")
	spec.HostServices = slices.DeleteFunc(slices.Clone(spec.HostServices), func(s string) bool { return s == hostsvc.OnceService })
	h.start(t, spec)
	p := h.signOn(t, "signon", "all", "acme-okta/all", false)
	if got, err := p.Complete(t.Context(), once("a-1")); !problem.Is(err, problem.Forbidden) {
		t.Errorf("%+v, %v", got.Subject, err)
	}
}

func TestWhatCountsOnceThatIsRefused(t *testing.T) {
	t.Parallel()
	const refusal = "what counts once in it has no kind, no id, or no end in time"
	with := func(kind, id string, until time.Time) proto.Message {
		return completed(func(i *identity) { i.Once = &authnv1.Once{Kind: kind, Id: id, UntilUnix: until.Unix()} })
	}
	soon := time.Now().Add(time.Minute)
	refused(t, map[string]lie{
		"as it is":          {with("assertion", "a", soon), ""},
		"the longest":       {with("assertion", strings.Repeat("x", hostsvc.OnceIDLimit), soon), ""},
		"without a kind":    {with("", "a", soon), refusal},
		"of an odd kind":    {with("A b", "a", soon), refusal},
		"without an id":     {with("assertion", "", soon), refusal},
		"longer":            {with("assertion", strings.Repeat("x", hostsvc.OnceIDLimit+1), soon), refusal},
		"until yesterday":   {with("assertion", "a", soon.Add(-24*time.Hour)), refusal},
		"for ever":          {with("assertion", "a", soon.Add(100*365*24*time.Hour)), refusal},
		"until no time":     {with("assertion", "a", time.Unix(0, 0)), refusal},
		"before there were": {with("assertion", "a", time.Unix(-1, 0)), refusal},
	})
}
