package provisioning

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// maxDomains bounds the domains of one token.
const maxDomains = 100

var domainForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// checkDomains brings domains into lower case, each once, or refuses them.
func checkDomains(domains []string) ([]string, error) {
	if len(domains) > maxDomains {
		return nil, problem.New(problem.Invalid, "a token is bound to at most %d domains", maxDomains)
	}
	var list []string
	for _, d := range domains {
		d = strings.ToLower(d)
		if len(d) > 253 || !domainForm.MatchString(d) {
			return nil, problem.New(problem.Invalid, "%.80q is no e-mail domain", d).WithHint(`write what stands behind the @, such as "acme.example"`)
		}
		if !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list, nil
}

// addresses are what of a user's attributes a domain can be read from.
type addresses struct {
	UserName string  `json:"userName"`
	Active   *bool   `json:"active"`
	Emails   []email `json:"emails"`
}

type email struct {
	Value   string `json:"value"`
	Primary bool   `json:"primary"`
}

// within refuses changes that would make or change a user outside of the
// domains: the userName where it is an address, and the primary e-mail, or the
// first where none is. A user with neither is outside. Whoever is inactive
// afterwards is let through: a deactivation is never refused for a domain.
func within(domains []string, changes []directory.Change) error {
	if len(domains) == 0 {
		return nil
	}
	for _, c := range changes {
		var r directory.Resource
		switch c := c.(type) {
		case directory.Create:
			r = c.Resource
		case directory.Replace:
			r = c.Resource
		default:
			continue
		}
		if r.Type != directory.User {
			continue
		}
		if err := userWithin(domains, r.Attributes); err != nil {
			return err
		}
	}
	return nil
}

func userWithin(domains []string, attributes json.RawMessage) error {
	var a addresses
	if err := json.Unmarshal(attributes, &a); err != nil {
		return problem.Wrap(err, problem.Invalid, "the user's addresses cannot be read")
	}
	if a.Active != nil && !*a.Active {
		return nil
	}
	var have []string
	if strings.Contains(a.UserName, "@") {
		have = append(have, a.UserName)
	}
	for i, e := range a.Emails {
		if e.Primary || i == 0 && !slices.ContainsFunc(a.Emails, isPrimary) {
			have = append(have, e.Value)
		}
	}
	for _, address := range have {
		_, domain, ok := strings.Cut(address[max(0, strings.LastIndexByte(address, '@')):], "@")
		if !ok || !slices.Contains(domains, strings.ToLower(domain)) {
			return outside(domains)
		}
	}
	if len(have) == 0 {
		return outside(domains)
	}
	return nil
}

func isPrimary(e email) bool { return e.Primary }

func outside(domains []string) error {
	return problem.New(problem.Forbidden, "the user's userName or primary e-mail is not in a domain that this token is for").
		WithHint("it is for %s; the operator can make a token for more", strings.Join(domains, ", "))
}
