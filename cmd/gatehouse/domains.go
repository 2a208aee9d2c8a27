package main

import (
	"context"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type domainAddCommand struct {
	Domain       string `arg:"" help:"What stands behind the @ of its people's addresses, such as acme.example."`
	Organization string `required:"" placeholder:"LABEL" help:"Whose domain it is."`
	output
	connection
}

func (domainAddCommand) Help() string {
	return `Prints a TXT record for the administrator of the domain's DNS. Once it is published, gatehouse domain verify proves the domain:

    gatehouse domain add acme.example --organization acme
    gatehouse domain verify acme.example

The record stands at _gatehouse-challenge.acme.example, beside whatever else the domain has, and its text names the claim of this organization. A claim that is not proved ends after 14 days; adding the domain once more prints the record again. Domains in the configuration's files count as proved, and need none of this.`
}

func (c *domainAddCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	one, err := h.AddDomain(ctx, admin.NewDomain{Organization: c.Organization, Domain: c.Domain})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(one)
	}
	if one.State == admin.DomainProved {
		return t.printf("Domain %s of organization %s is proved already, %s.\n", one.Domain, one.Organization, provedBy(one))
	}
	if err := t.printf("Domain %s of organization %s waits for this record in its DNS:\n\n", one.Domain, one.Organization); err != nil {
		return err
	}
	if err := t.fields([]field{{"name", one.Record.Name}, {"type", one.Record.Type}, {"value", one.Record.Value}, {"until", day(one.ExpiresAt)}}); err != nil {
		return err
	}
	return t.printf("\nOnce it is published: gatehouse domain verify %s\n", one.Domain)
}

type domainVerifyCommand struct {
	Domain       string `arg:"" help:"The domain, or the id of its claim."`
	Organization string `placeholder:"LABEL" help:"Whose claim, where several organizations have one."`
	Vouch        bool   `help:"Do not ask the DNS: your word counts, and is in the audit log."`
	output
	connection
}

func (domainVerifyCommand) Help() string {
	return `Looks for the TXT record that gatehouse domain add has printed. If it is there the domain is the organization's from the next request on, on every node: its people are found by their e-mail address, and their addresses are shown to the application as verified. The record may go then.

    gatehouse domain verify acme.example
    dig +short TXT _gatehouse-challenge.acme.example

The first organization to prove a domain has it. With --vouch nobody is asked, for an operator who knows whose domain it is otherwise; a token of one organization cannot.`
}

func (c *domainVerifyCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	id, err := domainID(ctx, h, c.Domain, c.Organization)
	if err != nil {
		return err
	}
	one, err := h.VerifyDomain(ctx, id, admin.DomainVerification{Vouch: c.Vouch})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(one)
	}
	return t.printf("Domain %s of organization %s is proved, %s.\n", one.Domain, one.Organization, provedBy(one))
}

type domainListCommand struct {
	Organization string `placeholder:"LABEL" help:"Only those of this organization."`
	Domain       string `placeholder:"DOMAIN" help:"Only this one, with everybody who claims it."`
	output
	connection
}

func (domainListCommand) Help() string {
	return `E-mail domains that organizations claim or have proved at run time, by name, and why those that wait were not found when they were looked for last. Domains in the configuration's files are not among them.

    gatehouse domain list --organization acme`
}

func (c *domainListCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	list, err := h.Domains(ctx, admin.DomainQuery{Organization: c.Organization, Domain: c.Domain})
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(admin.DomainPage{Domains: append([]admin.Domain{}, list...)})
	}
	return t.domains(list, time.Now())
}

func (t *terminal) domains(list []admin.Domain, now time.Time) error {
	if len(list) == 0 {
		return t.printf("There are no domains but those of the configuration. Claim one: gatehouse domain add DOMAIN --organization LABEL\n")
	}
	var rows [][]string
	for _, one := range list {
		note := one.Failure
		switch one.State {
		case admin.DomainProved:
			note = provedBy(one)
		case admin.DomainPending:
			if note == "" {
				note = "ends " + relative(one.ExpiresAt, now, "")
			}
		case admin.DomainExpired:
			note = "ended " + relative(one.ExpiresAt, now, "")
		}
		rows = append(rows, []string{one.Domain, one.Organization, string(one.State), relative(one.CheckedAt, now, "never"), note})
	}
	return t.table([]column{{title: "DOMAIN"}, {title: "ORGANIZATION"}, {title: "STATE"}, {title: "LOOKED FOR"}, {title: "NOTE", cut: true}}, rows)
}

type domainRemoveCommand struct {
	Domain       string `arg:"" help:"The domain, or the id of its claim."`
	Organization string `placeholder:"LABEL" help:"Whose, where several organizations claim it."`
	output
	connection
}

func (domainRemoveCommand) Help() string {
	return `Takes a domain away from its organization, or ends its claim. With the next request its people are not found by their e-mail address any more, and their addresses are not shown as verified; who has signed on stays so. Then another organization can prove it, or the configuration's files can name it.`
}

func (c *domainRemoveCommand) Run(ctx context.Context, t *terminal) error {
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	id, err := domainID(ctx, h, c.Domain, c.Organization)
	if err != nil {
		return err
	}
	one, err := h.RemoveDomain(ctx, id)
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(one)
	}
	return t.printf("Domain %s is not organization %s's any more.\n", one.Domain, one.Organization)
}

// domainID is the id of the one claim that is meant, by the domain or by its id, which
// has no dot.
func domainID(ctx context.Context, h *admin.Host, name, organization string) (string, error) {
	if !strings.Contains(name, ".") {
		return name, nil
	}
	list, err := h.Domains(ctx, admin.DomainQuery{Organization: organization, Domain: name})
	if err != nil {
		return "", err
	}
	var of []string
	for _, one := range list {
		of = append(of, one.Organization)
	}
	switch len(list) {
	case 0:
		return "", problem.New(problem.NotFound, "no organization claims the domain %q", name).WithHint("gatehouse domain add %s --organization LABEL", name)
	case 1:
		return list[0].ID, nil
	}
	return "", problem.New(problem.Conflict, "%d organizations claim the domain %q", len(list), name).
		WithHint("say whose claim is meant with --organization: %s", strings.Join(of, ", "))
}

// provedBy says what a proof rests on.
func provedBy(one admin.Domain) string {
	if one.ProvedBy == "dns" {
		return "by its record in the DNS"
	}
	return "by the word of " + one.ProvedBy
}
