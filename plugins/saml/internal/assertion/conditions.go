package assertion

import (
	"slices"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// conditions checks that the assertion is for us, and now: SAML Core §2.5.1. A
// condition that is not understood makes it count for nothing.
func (a *Assertion) conditions(e *etree.Element, x Expected) error {
	c := child(e, "Conditions")
	if c == nil {
		return authn.Deny("conditions", "the assertion has no conditions, so it is for nobody")
	}
	from, err := instant(c, "NotBefore", false)
	if err != nil {
		return err
	}
	if from.After(x.Now.Add(x.Skew)) {
		return authn.Deny("not_yet", "the assertion counts in %s; %s are allowed", from.Sub(x.Now), x.Skew)
	}
	until, err := instant(c, "NotOnOrAfter", false)
	if err != nil {
		return err
	}
	if !until.IsZero() {
		if !from.Before(until) {
			return authn.Deny("conditions", "the assertion ends before it begins")
		}
		if err := a.until(until, x, "the assertion"); err != nil {
			return err
		}
	}
	restrictions, seen := 0, map[string]bool{}
	for _, one := range c.ChildElements() {
		switch {
		case tree.Is(one, tree.Assertion, "AudienceRestriction"):
			restrictions++
			if err := audience(one, x.Audience); err != nil { // each of them has to hold: §2.5.1.4
				return err
			}
		case tree.Is(one, tree.Assertion, "OneTimeUse"), tree.Is(one, tree.Assertion, "ProxyRestriction"):
			// It is used once in any case, and nobody is told of it.
			if seen[one.Tag] {
				return authn.Deny("conditions", "%s stands twice among the conditions", one.Tag)
			}
			seen[one.Tag] = true
		default:
			return authn.Deny("conditions", "there is a condition %.100q, which nobody here understands", one.Tag)
		}
	}
	if restrictions == 0 {
		return authn.Deny("audience", "the assertion does not say who it is for")
	}
	return nil
}

func audience(restriction *etree.Element, want string) error {
	var named []string
	for _, one := range restriction.ChildElements() {
		text, ok := tree.URI(one)
		if !tree.Is(one, tree.Assertion, "Audience") || !ok {
			return authn.Deny("audience", "an audience is no text")
		}
		named = append(named, text)
	}
	if want == "" || !slices.Contains(named, want) {
		return authn.Deny("audience", "it is for %.300q, not for %q", named, want)
	}
	return nil
}
