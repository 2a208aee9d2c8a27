package google

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// idForm is that of Google's ids.
var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// enterprise is the extension of RFC 7643 §4.3.
const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// valuesLimit is how many addresses or numbers of one user are taken over.
const valuesLimit = 50

// user is what is read of one (REST resource: users). All but id and
// primaryEmail may be missing.
type user struct {
	ID           string `json:"id"`
	PrimaryEmail string `json:"primaryEmail"`
	Suspended    bool   `json:"suspended"`
	Archived     bool   `json:"archived"`
	Name         struct {
		GivenName   string `json:"givenName"`
		FamilyName  string `json:"familyName"`
		FullName    string `json:"fullName"`
		DisplayName string `json:"displayName"`
	} `json:"name"`
	Emails []struct {
		Address string `json:"address"`
		Type    string `json:"type"`
	} `json:"emails"`
	Phones        []typed `json:"phones"`
	Relations     []typed `json:"relations"`
	ExternalIDs   []typed `json:"externalIds"`
	Organizations []struct {
		Name       string `json:"name"`
		Title      string `json:"title"`
		Department string `json:"department"`
		CostCenter string `json:"costCenter"`
		Primary    bool   `json:"primary"`
	} `json:"organizations"`
}

type typed struct {
	Value string `json:"value"`
	Type  string `json:"type"`
}

// of is the first value of a type.
func of(list []typed, t string) string {
	for _, one := range list {
		if one.Type == t {
			return one.Value
		}
	}
	return ""
}

// manager is the address of a user's manager.
func (u user) manager() string { return of(u.Relations, "manager") }

// object is a JSON object of what is there.
type object map[string]any

// text adds a text that is one. A NUL is nothing that the directory keeps.
func (o object) text(name, value string) {
	if value = strings.ReplaceAll(value, "\x00", ""); value != "" {
		o[name] = value
	}
}

func (o object) object(name string, value object) {
	if len(value) > 0 {
		o[name] = value
	}
}

// attributes are a user's in SCIM's words. manager is the id that the directory
// has for theirs; "" where it has none yet.
func (u user) attributes(manager string) (json.RawMessage, error) {
	o := object{"userName": u.PrimaryEmail, "active": !u.Suspended && !u.Archived, "emails": u.emails()}
	name := object{}
	name.text("givenName", u.Name.GivenName)
	name.text("familyName", u.Name.FamilyName)
	name.text("formatted", u.Name.FullName)
	o.object("name", name)
	if o.text("displayName", u.Name.DisplayName); u.Name.DisplayName == "" {
		o.text("displayName", u.Name.FullName)
	}
	if phones := u.phones(); len(phones) > 0 {
		o["phoneNumbers"] = phones
	}
	work := object{}
	for i, one := range u.Organizations {
		if one.Primary || i == 0 {
			clear(work)
			o.text("title", one.Title)
			work.text("organization", one.Name)
			work.text("department", one.Department)
			work.text("costCenter", one.CostCenter)
		}
		if one.Primary {
			break
		}
	}
	work.text("employeeNumber", of(u.ExternalIDs, "organization"))
	if manager != "" {
		work["manager"] = object{"value": manager}
	}
	o.object(enterprise, work)
	text, err := json.Marshal(o)
	if err != nil {
		return nil, problem.Wrap(err, problem.Internal, "a user of Google's cannot be written down")
	}
	return text, nil
}

// emails are the primary address and the others. Google gives each user one more
// that cannot be used, in the domain test-google-a.com.
func (u user) emails() []object {
	list := []object{{"value": u.PrimaryEmail, "type": "work", "primary": true}}
	seen := map[string]bool{strings.ToLower(u.PrimaryEmail): true}
	for _, e := range u.Emails {
		folded := strings.ToLower(e.Address)
		if e.Address == "" || seen[folded] || strings.HasSuffix(folded, ".test-google-a.com") || len(list) == valuesLimit {
			continue
		}
		seen[folded] = true
		one := object{}
		one.text("value", e.Address)
		one.text("type", e.Type)
		list = append(list, one)
	}
	return list
}

func (u user) phones() (list []object) {
	for _, n := range u.Phones {
		if n.Value == "" || len(list) == valuesLimit {
			continue
		}
		one := object{}
		one.text("value", n.Value)
		one.text("type", n.Type)
		list = append(list, one)
	}
	return list
}
