package config

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Organization is an organization block: a customer whose people and programs
// come in.
type Organization struct {
	Label   string
	Name    string   // as it is shown; the label where none is given
	Domains []string // lower case; each belongs to this organization only
	Range   hcl.Range
}

var organizationFrame = frame{
	kind: "organization", labels: []label{{name: "label"}},
	doc: "A customer whose people and programs come in. The label is its name for ever.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "name", Type: schema.String, Doc: "The name that people read. Without it, the label.", Example: `"Acme Inc."`},
		{Name: "domains", Type: schema.Strings, Doc: "The e-mail domains of the organization. A domain belongs to one organization.", Example: `["acme.example"]`},
	}},
}

func (l *loader) organization(b *block) {
	o := Organization{Label: b.labels[0], Name: b.filled("name"), Domains: b.texts("domains"), Range: b.at}
	if o.Name == "" {
		o.Name = o.Label
	}
	b.unique("domains")
	for i, d := range o.Domains {
		if !hostName.MatchString(d) || !strings.Contains(d, ".") || len(d) > 253 {
			b.invalid("domains", strconv.Itoa(i), "Not a domain", "Expected an e-mail domain such as \"acme.example\": lower case, what stands behind the @.")
			continue
		}
		l.claim("domain", d, b, "domains", strconv.Itoa(i))
	}
	l.keep(b, func() { l.config.Organizations = append(l.config.Organizations, o) })
}
