package config

import (
	"net/netip"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Client is a client block: a program with a credential. The block declares
// who it is; its secrets are issued by command and never stand in a file.
type Client struct {
	ID            string
	Organization  string // label
	Name          string // as it is shown; the id where none is given
	Roles         []string
	Scopes        []string       // permission patterns that restrict the roles; none: no restriction
	Networks      []netip.Prefix // none: from everywhere
	Rate          throttle.Rate  // of its requests; 0 does not limit
	Owner         string         // a user's id; "": the organization
	Authenticator string         // name of the instance that verifies it
	ExpiresAt     time.Time      // zero: never
	Mappings      []Mapping
	Tests         []Test
	Range         hcl.Range
}

var clientFrame = frame{
	kind: "client", labels: []label{{name: "id"}},
	doc: "A program with a credential. Its secrets are made with `gatehouse keys create` and never stand in a file.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "organization", Type: schema.String, Required: true, Doc: "The label of the organization that the client belongs to.", Example: `"acme"`},
		{Name: "name", Type: schema.String, Doc: "The name that people read. Without it, the id.", Example: `"Nightly import"`},
		{Name: "roles", Type: schema.Strings, Doc: "Roles that the client has, beside those that mappings give.", Example: `["analyst"]`},
		{Name: "scopes", Type: schema.Strings, Doc: "Permissions that the client is held to, whatever its roles permit. Without it, it is not.", Example: `["query:execute"]`},
		{Name: "networks", Type: schema.Strings, Doc: "The networks that the client may come from. Without it, from everywhere.", Example: `["192.0.2.0/24"]`},
		{Name: "rate", Type: schema.String, Doc: "How many requests it may make with all its keys, for each second, minute or hour; what it saved in two seconds it may make at once. Each node counts for itself. Without it, as many as it likes.", Example: `"100/s"`},
		{Name: "owner", Type: schema.String, Doc: "The id of the user who answers for the client, as `gatehouse users list` shows it; the client can do at most what they can, and its keys stop when they leave. Without it, the organization owns the client.", Example: `"0198c7a2-3b4c-7d5e-8f60-718293a4b5c6"`},
		{Name: "authenticator", Type: schema.String, Doc: "The authenticator that verifies the client, `kind` or `kind.label`. Required where there are several.", Example: `"apikey"`},
		{Name: "expires_at", Type: schema.String, Doc: "When the client ends, as in RFC 3339. Without it, never.", Example: `"2027-06-30T00:00:00Z"`},
	}},
	children: []*frame{&mappingFrame, &testFrame},
}

func (l *loader) client(b *block) {
	c := Client{
		ID: b.labels[0], Organization: b.text("organization"), Name: b.filled("name"), Roles: b.texts("roles"),
		Scopes: b.permissions("scopes"), Networks: b.networks("networks"), Rate: b.rate("rate"), Owner: b.filled("owner"),
		Authenticator: b.text("authenticator"), Range: b.at,
	}
	if c.Name == "" {
		c.Name = c.ID
	}
	b.unique("roles")
	if s := b.text("expires_at"); s != "" || b.attrs["expires_at"].given && !b.attrs["expires_at"].unknown {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			b.invalid("expires_at", "", "Not a time", `Expected a time as in RFC 3339, such as "2027-06-30T00:00:00Z".`)
		}
		c.ExpiresAt = at
		if now := l.options.Now; err == nil && !now.IsZero() && !at.After(now) {
			b.warnOfEnd("expires_at")
		}
	}
	c.Mappings, c.Tests = l.rules(b), l.tests(b, "client")
	l.members, l.clients = append(l.members, b), append(l.clients, b)
	l.roleLists = append(l.roleLists, b)
	l.keep(b, func() {
		if c.Authenticator == "" && len(l.config.Authenticators) == 1 {
			c.Authenticator = l.config.Authenticators[0].Name
		}
		l.config.Clients = append(l.config.Clients, c)
	})
}

// warnOfEnd reports a time that has passed. It is no error: a configuration that
// was taken yesterday is taken today, whatever has ended since.
func (b *block) warnOfEnd(name string) {
	at := b.place(name, "")
	b.d.report.add(entry{
		severity: diag.Warning, code: CodeEnded, summary: "Client has ended", at: &at, path: b.sub(name),
		detail: "This time is past, so the client's keys are refused. Write a later time, or take the block out.",
	})
}
