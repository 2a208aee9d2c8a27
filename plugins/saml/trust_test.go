package saml_test

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const metadataURL = "https://idp.example.com/metadata.xml"

// publisher is an IdP that publishes metadata, and a clock.
type publisher struct {
	*room
	mu     sync.Mutex
	text   string
	status int
	asked  int
	ahead  time.Duration
}

func newPublisher(t *testing.T, change doc, signers ...samltest.Key) *publisher {
	t.Helper()
	p := &publisher{status: http.StatusOK}
	p.room = &room{plugintest.New(t, saml.Describe(p.now)), t}
	p.HandleFetch(p)
	p.publishes(signers...)
	block := doc{"metadata": nil, "metadata_url": metadataURL}
	maps.Copy(block, change)
	p.set(config(block))
	return p
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if r.URL.String() != metadataURL {
		p.t.Errorf("it asks for %s", r.URL)
	}
	w.WriteHeader(p.status)
	_, _ = w.Write([]byte(p.text))
}

func (p *publisher) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Add(p.ahead)
}

func (p *publisher) passes(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead += d
}

func (p *publisher) publishes(signers ...samltest.Key) {
	p.says(samltest.Metadata(idpID, sso, slo, signers...))
}

func (p *publisher) says(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.status = text, http.StatusOK
}

func (p *publisher) fails(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *publisher) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.asked
	p.asked = 0
	return n
}

// by is an answer with a key, at the time of the test.
func (p *publisher) by(k samltest.Key) func(m *samltest.Message) {
	return func(m *samltest.Message) { m.Key, m.Now = k, p.now() }
}

func TestMetadataIsKept(t *testing.T) {
	t.Parallel()
	one := keys()[0]
	p := newPublisher(t, nil, one)
	p.signsOn("the first", p.by(one))
	p.signsOn("the second", p.by(one))
	if n := p.requests(); n != 1 {
		t.Errorf("it is asked for %d times", n)
	}
	if !strings.Contains(string(p.Saved(name, "metadata")), idpID) {
		t.Error("it is not kept")
	}
	p.fails(http.StatusInternalServerError)
	p.passes(90 * time.Minute)
	for range 3 {
		p.signsOn("while the IdP's address fails", p.by(one))
	}
	if n := p.requests(); n != 1 {
		t.Errorf("while it fails it is asked for %d times in a minute", n)
	}
	p.Restart(t.Context())
	p.HandleFetch(p)
	p.signsOn("after a restart, while it fails", p.by(one))
	p.says("<html>we will be back soon</html>")
	p.passes(90 * time.Minute)
	p.signsOn("while it is a page", p.by(one))
}

func TestNoMetadataYet(t *testing.T) {
	t.Parallel()
	p := newPublisher(t, nil, keys()[0])
	p.fails(http.StatusNotFound)
	r := authn.BeginRequest{Endpoints: p.Endpoints(name), Relay: "r"}
	if _, err := p.Begin(t.Context(), name, r); !problem.Is(err, problem.Unavailable) {
		t.Errorf("%v, want %s", err, problem.Unavailable)
	}
	p.publishes(keys()[0])
	p.passes(2 * time.Minute)
	p.signsOn("once there is", p.by(keys()[0]))
}

// An IdP rolls over: the newer certificate is beside the older, and then alone.
func TestRollOver(t *testing.T) {
	t.Parallel()
	one, two, stranger := keys()[0], keys()[1], keys()[2]
	p := newPublisher(t, nil, one)
	p.signsOn("the older", p.by(one))
	p.refuses("the newer, not yet", "signature", p.by(two))
	p.publishes(one, two)
	p.passes(2 * time.Minute)
	p.requests()
	p.signsOn("the newer, a moment after it was published", p.by(two))
	if n := p.requests(); n != 1 {
		t.Errorf("it is asked for %d times", n)
	}
	p.publishes(two)
	p.passes(2 * time.Hour)
	p.signsOn("the newer alone", p.by(two))
	p.refuses("the older, which is gone", "signature", p.by(one))
	p.requests()
	for range 20 {
		p.refuses("a stranger", "signature", p.by(stranger))
	}
	if n := p.requests(); n > 1 {
		t.Errorf("forged messages have the IdP asked %d times in a minute", n)
	}
}

// Metadata that shares no certificate with what is trusted is held back, unless the
// operator says otherwise, or somebody has signed it.
func TestNewCertificates(t *testing.T) {
	t.Parallel()
	one, two, signer := keys()[0], keys()[1], keys()[2]
	signed := func(k samltest.Key, of ...samltest.Key) string {
		text := strings.Replace(samltest.Metadata(idpID, sso, slo, of...), "<md:EntityDescriptor ", `<md:EntityDescriptor ID="_m" `, 1)
		text, err := samltest.Sign(text, k, samltest.Signing{Last: true})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, c := range map[string]struct {
		block   doc
		first   string
		then    string
		trusted bool
		held    bool // which is recorded once
	}{
		"overlap":              {nil, samltest.Metadata(idpID, sso, slo, one), samltest.Metadata(idpID, sso, slo, two), false, true},
		"always":               {doc{"new_certificates": "always"}, samltest.Metadata(idpID, sso, slo, one), samltest.Metadata(idpID, sso, slo, two), true, false},
		"never":                {doc{"new_certificates": "never"}, samltest.Metadata(idpID, sso, slo, one), samltest.Metadata(idpID, sso, slo, one, two), false, true},
		"named by hand":        {doc{"certificates": []string{one.PEM(), two.PEM()}}, samltest.Metadata(idpID, sso, slo, one), samltest.Metadata(idpID, sso, slo, two), true, false},
		"another entity":       {doc{"new_certificates": "always"}, samltest.Metadata(idpID, sso, slo, one), samltest.Metadata("https://evil.example/", sso, slo, two), false, true},
		"signed":               {doc{"metadata_certificate": signer.PEM()}, signed(signer, one), signed(signer, two), true, false},
		"signed by another":    {doc{"metadata_certificate": signer.PEM(), "new_certificates": "always"}, signed(signer, one), signed(two, two), false, false},
		"not signed":           {doc{"metadata_certificate": signer.PEM(), "new_certificates": "always"}, signed(signer, one), samltest.Metadata(idpID, sso, slo, two), false, false},
		"signed, then changed": {doc{"metadata_certificate": signer.PEM()}, signed(signer, one), strings.Replace(signed(signer, one), one.Base64(), two.Base64(), 1), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPublisher(t, c.block)
			p.says(c.first)
			p.signsOn("the first", p.by(one))
			p.says(c.then)
			p.passes(2 * time.Hour)
			if c.trusted {
				p.signsOn("the newer", p.by(two))
				return
			}
			p.refuses("the newer", "signature", p.by(two))
			p.signsOn("the older", p.by(one))
			p.passes(2 * time.Hour)
			p.Restart(t.Context())
			p.HandleFetch(p)
			p.refuses("the newer, after a restart", "signature", p.by(two))
			held := 0
			for _, e := range p.Audited() {
				if e.Event == "metadata.held_back" {
					held++
				}
			}
			if want := map[bool]int{true: 1}[c.held]; held != want {
				t.Errorf("it is recorded %d times that metadata is held back, want %d", held, want)
			}
			p.signsOn("the older, after a restart", p.by(one))
		})
	}
}

// What says of itself that it is over is over, and is no reason to trust another.
func TestMetadataThatIsOver(t *testing.T) {
	t.Parallel()
	one, two := keys()[0], keys()[1]
	until := func(d time.Duration, k samltest.Key) string {
		return strings.Replace(samltest.Metadata(idpID, sso, slo, k), "<md:EntityDescriptor ", `<md:EntityDescriptor validUntil="`+samltest.Stamp(time.Now().Add(d))+`" `, 1)
	}
	p := newPublisher(t, nil)
	p.says(until(time.Hour, one))
	p.signsOn("it", p.by(one))
	b, begun := p.asks(nil)
	in := answers(func(m *samltest.Message) { m.Now = time.Now().Add(2 * time.Hour) })(t, b, begun)
	p.fails(http.StatusInternalServerError)
	p.passes(2 * time.Hour)
	_, err := p.Complete(t.Context(), name, authn.CompleteRequest{Endpoints: b.Endpoints, State: begun.State, Incoming: in, Begun: p.now()})
	wantDenied(t, "when it is over", "metadata_expired", err)
	p.says(until(100*time.Hour, two))
	p.passes(2 * time.Minute)
	if _, err := p.Begin(t.Context(), name, authn.BeginRequest{Endpoints: b.Endpoints, Relay: "r"}); !problem.Is(err, problem.Unavailable) {
		t.Errorf("another certificate after it was over: %v", err)
	}
	p.Restart(t.Context())
	p.HandleFetch(p)
	p.passes(2 * time.Minute)
	if _, err := p.Begin(t.Context(), name, authn.BeginRequest{Endpoints: b.Endpoints, Relay: "r"}); !problem.Is(err, problem.Unavailable) {
		t.Errorf("another certificate after a restart: %v", err)
	}
	p.says(until(100*time.Hour, one))
	p.passes(2 * time.Minute)
	p.signsOn("once it is renewed", p.by(one))
}
