package assertion

import (
	"strings"
	"unicode"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

const (
	longestNameID  = 1 << 10 // bytes
	mostAttributes = 512
)

// ReadNameID reads a name whole, or not at all: SAML Core §2.2.3.
func ReadNameID(e *etree.Element) (NameID, error) {
	value, ok := tree.Text(e)
	switch {
	case !ok:
		return NameID{}, authn.Deny("name_id", "there is an element within the NameID")
	case value == "" || len(value) > longestNameID:
		return NameID{}, authn.Deny("name_id", "the NameID has %d bytes; it has 1 to %d", len(value), longestNameID)
	case strings.TrimSpace(value) != value || strings.ContainsFunc(value, invisible):
		return NameID{}, authn.Deny("name_id", "the NameID begins or ends with space, or has characters that nobody sees")
	}
	n := NameID{
		Value: value, Format: tree.Value(e, "Format"),
		NameQualifier: tree.Value(e, "NameQualifier"), SPNameQualifier: tree.Value(e, "SPNameQualifier"),
	}
	if len(n.Format)+len(n.NameQualifier)+len(n.SPNameQualifier) > 2*longestNameID {
		return NameID{}, authn.Deny("name_id", "what qualifies the NameID has more than %d bytes", 2*longestNameID)
	}
	return n, nil
}

// invisible are characters by which two names look alike: controls, and those that
// change how others are shown (Unicode category Cf).
func invisible(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// attributes reads what else the assertion says.
func (a *Assertion) attributes(e *etree.Element, _ Expected) error {
	at := map[string]int{}
	for _, statement := range tree.Children(e, tree.Assertion, "AttributeStatement") {
		for _, one := range tree.Children(statement, tree.Assertion, "Attribute") {
			name := tree.Value(one, "Name")
			i, before := at[name]
			if !before {
				i = len(a.Attributes)
				at[name] = i
				a.Attributes = append(a.Attributes, Attribute{Name: name})
			}
			if name == "" || len(a.Attributes) > mostAttributes {
				return authn.Deny("attributes", "an attribute has no name, or there are more than %d", mostAttributes)
			}
			a.Attributes[i].add(one)
		}
	}
	return nil
}

func (a *Attribute) add(e *etree.Element) {
	for _, v := range tree.Children(e, tree.Assertion, "AttributeValue") {
		text, ok := tree.Text(v)
		if !ok {
			a.Opaque = true
			continue
		}
		a.Values = append(a.Values, text)
	}
}
