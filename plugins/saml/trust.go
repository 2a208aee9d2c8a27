package saml

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/idp"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	newOverlap = idp.Overlap
	newAlways  = idp.Always
	newNever   = idp.Never
)

const (
	metadataBlob = "metadata"
	fetchWait    = 10 * time.Second
	leastPause   = time.Minute     // between two attempts, whatever asks for them
	firstPause   = 5 * time.Second // where nothing is known yet
)

// known is what is known of an IdP by its metadata, in memory. The host keeps the
// document too.
type known struct {
	fetching sync.Mutex // one asks, and the others go on with what there is

	mu      sync.Mutex
	current *idp.Provider
	fetched time.Time // when the document came
	tried   time.Time // when somebody last asked for one
}

func (k *known) get() (p *idp.Provider, fetched time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current, k.fetched
}

func (k *known) set(p *idp.Provider, fetched time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current, k.fetched = p, fetched
}

// attempt reports whether enough time has passed for another one, and counts it.
func (k *known) attempt(now time.Time, pause time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.tried.IsZero() && now.Sub(k.tried) < pause {
		return false
	}
	k.tried = now
	return true
}

// provider is the IdP as it is trusted now. Its metadata is asked for again when it
// is due; if that fails, the last good document counts until it says that it is over.
func (s *service) provider(ctx context.Context) (idp.Provider, error) {
	if s.settings.MetadataURL == "" {
		return s.inTime(s.settings.stated)
	}
	current, fetched := s.known.get()
	switch {
	case current == nil:
		s.known.fetching.Lock()
	case !s.due(current, fetched) || !s.known.fetching.TryLock():
		return s.inTime(*current)
	}
	defer s.known.fetching.Unlock()
	if err := s.refresh(ctx, false); err != nil {
		return idp.Provider{}, err
	}
	current, _ = s.known.get()
	return s.inTime(*current)
}

// inTime refuses metadata that says of itself that it is over: SAML Metadata §2.3.2.
func (s *service) inTime(p idp.Provider) (idp.Provider, error) {
	if !p.ValidUntil.IsZero() && !p.ValidUntil.After(s.clock()) {
		return idp.Provider{}, authn.Deny("metadata_expired", "the IdP's metadata was valid until %s", p.ValidUntil.Format(time.RFC3339))
	}
	return p, nil
}

func (s *service) due(p *idp.Provider, fetched time.Time) bool {
	age := s.settings.refresh
	if p.CacheDuration > 0 {
		age = max(leastRefresh, min(age, p.CacheDuration))
	}
	over := !p.ValidUntil.IsZero() && !p.ValidUntil.After(s.clock())
	return over || s.clock().Sub(fetched) >= age
}

// renewed asks for metadata because a signature is by a certificate that is not
// known: the IdP may have changed it a moment ago. It reports whether there are other
// ones now.
func (s *service) renewed(ctx context.Context, before idp.Provider) (idp.Provider, bool) {
	if s.settings.MetadataURL == "" || !s.known.fetching.TryLock() {
		return before, false
	}
	defer s.known.fetching.Unlock()
	if err := s.refresh(ctx, true); err != nil {
		return before, false
	}
	now, _ := s.known.get()
	return *now, len(now.Certificates) != len(before.Certificates) || len(idp.Join(now.Certificates, before.Certificates)) != len(now.Certificates)
}

// refresh brings what is known up to date. It fails only where nothing is known.
func (s *service) refresh(ctx context.Context, now bool) error {
	current, fetched := s.known.get()
	kept, version, loadErr := s.load(ctx)
	if loadErr == nil && kept.parsed != nil && (current == nil || kept.Fetched.After(fetched)) { // this node begins, or another was faster
		current, fetched = kept.parsed, kept.Fetched
		s.known.set(current, fetched)
	}
	switch {
	case current != nil:
		if !now && !s.due(current, fetched) || !s.known.attempt(s.clock(), leastPause) {
			return nil
		}
	case loadErr != nil:
		return loadErr // what was trusted before is not known: a first document may be anybody's
	case !s.known.attempt(s.clock(), firstPause):
		return problem.New(problem.Unavailable, "the metadata of the IdP was not to be had a moment ago")
	}
	document, newer, err := s.fetch(ctx)
	if err == nil {
		err = s.accept(ctx, current, newer, document, kept)
	}
	if err != nil {
		if current == nil {
			return problem.Wrap(err, problem.Unavailable, "the metadata of the IdP is not to be had")
		}
		s.logger.WarnContext(ctx, "the metadata of the IdP is not taken; what is known of it counts on", "error", err)
		return nil
	}
	newer.Certificates = idp.Join(newer.Certificates, s.settings.pins)
	s.known.set(&newer, s.clock())
	kept.URL, kept.Fetched, kept.Held = s.settings.MetadataURL, s.clock(), ""
	if loadErr == nil {
		s.save(ctx, kept, document, version)
	}
	return nil
}

// fetch asks the IdP.
func (s *service) fetch(ctx context.Context) ([]byte, idp.Provider, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	resp, err := s.host.Fetch(ctx, hostsvc.FetchRequest{
		URL: s.settings.MetadataURL, MaxBytes: idp.Limit, Header: http.Header{"Accept": {"application/samlmetadata+xml, application/xml;q=0.9, */*;q=0.1"}},
	})
	if err != nil {
		return nil, idp.Provider{}, err
	}
	if resp.Status != http.StatusOK {
		return nil, idp.Provider{}, problem.New(problem.BadUpstream, "the address of the metadata answers with status %d", resp.Status)
	}
	p, err := idp.Parse(resp.Body, s.settings.EntityID, s.settings.signer, s.clock())
	return resp.Body, p, err
}

// accept says whether newer metadata is trusted. One that is held back is written
// down once.
func (s *service) accept(ctx context.Context, current *idp.Provider, newer idp.Provider, document []byte, kept kept) error {
	trusted := s.settings.pins
	if current != nil {
		trusted = idp.Join(current.Certificates, trusted)
	}
	err := idp.Accept(current, newer, trusted, s.settings.NewCertificates, s.settings.signer != nil)
	if err == nil {
		return nil
	}
	sum := sha256.Sum256(document)
	if held := hex.EncodeToString(sum[:]); kept.Held != held && kept.parsed != nil {
		// An audit record that cannot be written changes nothing about what is trusted.
		if auditErr := s.host.Audit(ctx, "metadata.held_back", map[string]string{"why": err.Error(), "sha256": held}); auditErr != nil {
			s.logger.WarnContext(ctx, "metadata that is held back could not be recorded", "error", auditErr)
		}
		kept.Held = held
		s.save(ctx, kept, kept.document, kept.version)
	}
	return err
}

// kept is what the host keeps: a line of JSON, and the document behind it.
type kept struct {
	URL     string    `json:"url"`
	Fetched time.Time `json:"fetched"`
	Held    string    `json:"held,omitempty"` // the SHA-256 of a document that is held back

	parsed   *idp.Provider
	document []byte
	version  int64
}

// load returns the last good document, if there is one.
func (s *service) load(ctx context.Context) (k kept, version int64, err error) {
	blob, version, err := s.host.Load(ctx, metadataBlob)
	if err != nil {
		return k, 0, err
	}
	if k, err = s.readKept(blob); err != nil && version != 0 {
		s.logger.WarnContext(ctx, "the metadata that was kept does not count any more", "error", err)
	}
	k.version = version
	return k, version, nil
}

// readKept reads what was kept. One of another address counts no more, nor does one
// that cannot be read with the settings of now.
func (s *service) readKept(blob []byte) (k kept, err error) {
	head, document, _ := bytes.Cut(blob, []byte("\n"))
	if err := json.Unmarshal(head, &k); err != nil {
		return kept{}, err
	}
	if k.URL != s.settings.MetadataURL {
		return kept{}, errors.New("it is of another address")
	}
	// Whether it is over by now is looked at when it is used: what it was trusted by
	// counts beyond that.
	p, err := idp.Parse(document, s.settings.EntityID, s.settings.signer, time.Time{})
	if err != nil {
		return kept{}, err
	}
	p.Certificates = idp.Join(p.Certificates, s.settings.pins)
	k.parsed, k.document = &p, document
	return k, nil
}

// save keeps a document. What fails is only told: there is one in memory.
func (s *service) save(ctx context.Context, k kept, document []byte, version int64) {
	head, err := json.Marshal(k)
	if err == nil {
		_, err = s.host.Save(ctx, metadataBlob, append(append(head, '\n'), document...), version)
	}
	if err != nil && !problem.Is(err, problem.Changed) { // another node has saved the same
		s.logger.WarnContext(ctx, "the metadata of the IdP could not be kept", "error", err)
	}
}
