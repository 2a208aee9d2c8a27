package admin

import (
	"context"
	"net/http"

	"github.com/gatehouse-id/gatehouse/core/domain"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Domains are the e-mail domains that organizations prove at run time.
type Domains interface {
	Add(ctx context.Context, by domain.By, organization, name string) (domain.Domain, error)
	Verify(ctx context.Context, by domain.By, id string, vouch bool) (domain.Domain, error)
	Remove(ctx context.Context, by domain.By, id string) (domain.Domain, error)
	List(ctx context.Context, q domain.Query) ([]domain.Domain, error)
}

// maxDomain bounds a domain as it is written, in characters.
const maxDomain = 255

// domainRoutes are those of e-mail domains.
func domainRoutes() []route {
	text := object{"type": "string", "minLength": 1}
	return []route{
		{http.MethodGet, "/domains", ReadDomains, oneOrganization, (*API).listDomains, contract{
			id: "listDomains", summary: "List the e-mail domains that organizations claim or have proved, by name", out: wire.DomainPage{}, status: http.StatusOK,
			parameters: append(paging(recordIDForm),
				parameter{"organization", "query", "label of an organization; only what is of it", text},
				parameter{"domain", "query", "only this domain", object{"type": "string", "minLength": 1, "maxLength": maxDomain}}),
		}},
		{http.MethodPost, "/domains", WriteDomains, oneOrganization, (*API).addDomain, contract{
			id: "addDomain", summary: "Claim an e-mail domain for an organization; what is claimed already is answered as it is", in: wire.NewDomain{}, needed: true, out: wire.Domain{}, status: http.StatusCreated,
		}},
		{http.MethodPost, "/domains/{id}/verify", WriteDomains, oneOrganization, (*API).verifyDomain, contract{
			id: "verifyDomain", summary: "Prove a domain by the record in its DNS", in: wire.DomainVerification{}, out: wire.Domain{}, status: http.StatusOK, parameters: id(recordIDForm),
		}},
		{http.MethodPost, "/domains/{id}/remove", WriteDomains, oneOrganization, (*API).removeDomain, contract{
			id: "removeDomain", summary: "Take a domain away from its organization", in: wire.Empty{}, out: wire.Domain{}, status: http.StatusOK, parameters: id(recordIDForm),
		}},
	}
}

func (a *API) listDomains(c *call) (int, any, error) {
	asked, query, err := parseQuery(c.URL.RawQuery, recordID, "organization", "domain")
	if err != nil {
		return 0, nil, err
	}
	organization := c.actor.organization
	if query.Has("organization") {
		organization = query.Get("organization")
		if err := a.checkOrganization(c.actor, organization); err != nil {
			return 0, nil, err
		}
	}
	if query.Has("domain") && query.Get("domain") == "" {
		return 0, nil, problem.New(problem.Invalid, "the parameter domain is empty").WithHint("leave it out to list all")
	}
	found, err := a.Domains.List(c.Context(), domain.Query{Organization: organization, Name: query.Get("domain"), After: asked.after, Limit: asked.limit + 1})
	if err != nil {
		return 0, nil, err
	}
	list := wire.DomainPage{Domains: []wire.Domain{}}
	for i, one := range found {
		if i == asked.limit {
			list.Next = found[i-1].ID
			break
		}
		list.Domains = append(list.Domains, a.asDomain(one))
	}
	return http.StatusOK, list, nil
}

func (a *API) addDomain(c *call) (int, any, error) {
	var asked wire.NewDomain
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if err := a.checkOrganization(c.actor, asked.Organization); err != nil {
		return 0, nil, err
	}
	added, err := a.Domains.Add(c.Context(), c.domainBy(), asked.Organization, asked.Domain)
	return http.StatusCreated, a.asDomain(added), err
}

func (a *API) verifyDomain(c *call) (int, any, error) {
	var asked wire.DomainVerification
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	proved, err := a.Domains.Verify(c.Context(), c.domainBy(), c.PathValue("id"), asked.Vouch)
	return http.StatusOK, a.asDomain(proved), err
}

func (a *API) removeDomain(c *call) (int, any, error) {
	if err := read(c, &wire.Empty{}); err != nil {
		return 0, nil, err
	}
	removed, err := a.Domains.Remove(c.Context(), c.domainBy(), c.PathValue("id"))
	return http.StatusOK, a.asDomain(removed), err
}

func (c *call) domainBy() domain.By {
	return domain.By{Actor: c.actor.name, TraceID: c.trace, Within: c.actor.organization}
}

func (a *API) asDomain(d domain.Domain) wire.Domain {
	one := wire.Domain{
		ID: d.ID, Organization: d.Organization, Domain: d.Name, State: wire.DomainState(d.State(a.Clock())),
		Record:  wire.DNSRecord{Name: domain.ChallengeName(d.Name), Type: "TXT", Value: d.Challenge},
		AddedAt: d.AddedAt.UTC(), ProvedBy: d.ProvedBy, Failure: d.Failure,
	}
	if d.ProvedAt.IsZero() {
		one.ExpiresAt = d.ExpiresAt().UTC()
	} else {
		one.ProvedAt = d.ProvedAt.UTC()
	}
	if !d.CheckedAt.IsZero() {
		one.CheckedAt = d.CheckedAt.UTC()
	}
	return one
}
