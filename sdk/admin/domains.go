package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// DomainState is what became of an organization's claim to an e-mail domain.
type DomainState string

// The states of a domain.
const (
	DomainPending DomainState = "pending" // it waits for its proof
	DomainExpired DomainState = "expired" // it has waited for too long, and can be claimed anew
	DomainProved  DomainState = "proved"
)

// Domain is an e-mail domain that an organization claims or has proved at run time.
type Domain struct {
	ID           string      `json:"id"`
	Organization string      `json:"organization" doc:"label"`
	Domain       string      `json:"domain" doc:"in lower case, labels beyond ASCII as A-labels"`
	State        DomainState `json:"state"`
	Record       DNSRecord   `json:"record" doc:"what proves it, once it is published in the DNS"`
	AddedAt      time.Time   `json:"added_at"`
	ExpiresAt    time.Time   `json:"expires_at,omitzero" doc:"of a claim that is not proved"`
	ProvedAt     time.Time   `json:"proved_at,omitzero"`
	ProvedBy     string      `json:"proved_by,omitempty" doc:"dns, or who has vouched for it"`
	CheckedAt    time.Time   `json:"checked_at,omitzero" doc:"when it was looked for last; missing is never"`
	Failure      string      `json:"failure,omitempty" doc:"why it was not found then"`
}

// DNSRecord is a record to publish.
type DNSRecord struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// DomainPage is one page of the domains, by name.
type DomainPage struct {
	Domains []Domain `json:"domains"`
	Next    string   `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// NewDomain claims a domain.
type NewDomain struct {
	Organization string `json:"organization" doc:"label"`
	Domain       string `json:"domain" doc:"what stands behind the @ of its people's addresses"`
}

// DomainVerification asks whether a domain is proved.
type DomainVerification struct {
	Vouch bool `json:"vouch,omitempty" doc:"do not ask the DNS: the caller's word counts, and is in the audit log; not for a token of one organization"`
}

// DomainQuery says which domains to list; what is empty restricts nothing.
type DomainQuery struct {
	Organization string
	Domain       string
}

// Domains lists domains by name.
func (h *Host) Domains(ctx context.Context, q DomainQuery) (list []Domain, err error) {
	query := url.Values{}
	for name, value := range map[string]string{"organization": q.Organization, "domain": q.Domain} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for {
		var page DomainPage
		if err := h.call(ctx, http.MethodGet, "/domains?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Domains...)
		if page.Next == "" {
			return list, nil
		}
		query.Set("after", page.Next)
	}
}

// AddDomain claims a domain for an organization. One that it has claimed or proved
// already is answered as it is.
func (h *Host) AddDomain(ctx context.Context, n NewDomain) (added Domain, err error) {
	err = h.call(ctx, http.MethodPost, "/domains", n, &added)
	return added, err
}

// VerifyDomain looks for the record of a domain, and if it is there the domain is
// proved. The error says what is there instead.
func (h *Host) VerifyDomain(ctx context.Context, id string, v DomainVerification) (proved Domain, err error) {
	err = h.with(ctx, http.MethodPost, "/domains/", id, "/verify", v, &proved)
	return proved, err
}

// RemoveDomain takes a domain away from its organization.
func (h *Host) RemoveDomain(ctx context.Context, id string) (removed Domain, err error) {
	err = h.with(ctx, http.MethodPost, "/domains/", id, "/remove", Empty{}, &removed)
	return removed, err
}
