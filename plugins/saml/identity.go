package saml

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/assertion"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// The limits of what the host takes.
const (
	mostLine   = 1 << 10
	mostName   = 256
	mostEmail  = 320
	mostValue  = 16 << 10
	mostGroups = 50_000
	mostMethod = 32
)

// session is what is kept with a session, for its end: SAML Core §3.7.1.
type session struct {
	NameID       assertion.NameID `json:"name_id"`
	SessionIndex string           `json:"session_index,omitempty"`
}

// identity is what an assertion says, in the host's words.
func (s *service) identity(a assertion.Assertion) (authn.Identity, error) {
	subject := subjectOf(a)
	if len(subject) > mostLine {
		return authn.Identity{}, authn.Deny("name_id", "the name with what qualifies it has %d bytes, %d are taken", len(subject), mostLine)
	}
	for what, text := range map[string]string{"session_index": a.Authn.SessionIndex, "authn_context": a.Authn.Context} {
		if len(text) > mostLine || strings.ContainsFunc(text, unicode.IsControl) {
			return authn.Identity{}, authn.Deny(what, "it has more than %d bytes, or control characters", mostLine)
		}
	}
	i := authn.Identity{
		Issuer: a.Issuer, Subject: subject, Transient: a.NameID.Format == formatTransient,
		SessionIndex: a.Authn.SessionIndex, SessionEnds: a.Authn.SessionEnds,
		Authentication: authn.Authentication{Time: a.Authn.Instant, Context: a.Authn.Context},
	}
	d := s.settings.defaults
	var err error
	if i.Email, err = single(a, d.Email, mostEmail); err != nil { // by these two somebody may be found
		return i, err
	}
	if i.UserName, err = single(a, d.UserName, mostName); err != nil {
		return i, err
	}
	i.DisplayName, i.GivenName, i.FamilyName = readable(a, d.DisplayName), readable(a, d.GivenName), readable(a, d.FamilyName)
	if i.Email == "" && a.NameID.Format == formatEmail && len(a.NameID.Value) <= mostEmail {
		i.Email = a.NameID.Value
	}
	if i.UserName == "" && a.NameID.Format != formatPersistent && a.NameID.Format != formatTransient && len(a.NameID.Value) <= mostName {
		i.UserName = a.NameID.Value
	}
	s.factors(&i, a)
	if err := s.groups(&i, a); err != nil {
		return i, err
	}
	i.Attributes = shown(a, d.Groups)
	i.Keep, _ = json.Marshal(session{a.NameID, a.Authn.SessionIndex}) // texts always encode
	return i, nil
}

// subjectOf is the name by which somebody is known from then on. A name that is good
// for another pair of IdP and service only is another name: SAML Core §8.3.7. What is
// left out, or says what is the case anyway, adds nothing.
func subjectOf(a assertion.Assertion) string {
	n := a.NameID
	if n.NameQualifier == a.Issuer {
		n.NameQualifier = ""
	}
	if n.SPNameQualifier == a.Audience {
		n.SPNameQualifier = ""
	}
	if n.NameQualifier == "" && n.SPNameQualifier == "" {
		return n.Value
	}
	text, _ := json.Marshal([]string{n.NameQualifier, n.SPNameQualifier, n.Value}) // no two names give one text
	return string(text)
}

// find is the first of these attributes that is there.
func find(a assertion.Assertion, names []string) (assertion.Attribute, bool) {
	for _, name := range names {
		i := slices.IndexFunc(a.Attributes, func(one assertion.Attribute) bool { return one.Name == name })
		if i >= 0 {
			return a.Attributes[i], true
		}
	}
	return assertion.Attribute{}, false
}

// single is the one value of an attribute. Of two nobody knows which is meant.
func single(a assertion.Assertion, names []string, most int) (string, error) {
	one, _ := find(a, names)
	values := slices.Compact(slices.Clone(one.Values))
	switch {
	case one.Opaque || len(values) > 1:
		return "", authn.Deny("attribute", "%.100q has %d values, or one that is no text; one is taken", one.Name, len(values))
	case len(values) == 0:
		return "", nil
	case strings.ContainsFunc(values[0], unicode.IsControl) || len(values[0]) > most:
		return "", authn.Deny("attribute", "%.100q has control characters, or more than %d bytes", one.Name, most)
	}
	return values[0], nil
}

// readable is a name that is only shown: the first that can be, and as much of it as
// can be.
func readable(a assertion.Assertion, names []string) string {
	one, _ := find(a, names)
	for _, v := range one.Values {
		if v != "" && !strings.ContainsFunc(v, unicode.IsControl) {
			return cut(v, mostName)
		}
	}
	return ""
}

// groups reads the list of groups, and whether it is one.
func (s *service) groups(i *authn.Identity, a assertion.Assertion) error {
	d := s.settings.defaults
	list, there := find(a, d.Groups)
	_, overflow := find(a, []string{d.GroupsOverflow})
	for _, v := range list.Values {
		parts := []string{v}
		if s.settings.GroupsSeparator != "" {
			parts = strings.Split(v, s.settings.GroupsSeparator)
		}
		for _, g := range parts {
			if len(g) > mostLine || strings.ContainsFunc(g, unicode.IsControl) {
				return authn.Deny("group", "the name of a group has more than %d bytes, or control characters", mostLine)
			}
			if g != "" {
				i.Groups = append(i.Groups, g)
			}
		}
	}
	switch {
	case list.Opaque || len(i.Groups) > mostGroups:
		return authn.Deny("group", "a group is no text, or there are more than %d", mostGroups)
	case overflow && d.GroupsOverflow != "":
		i.GroupsState = authn.GroupsOverflow
	case !there:
		i.GroupsState = authn.GroupsAbsent
	case d.GroupsCut > 0 && len(i.Groups) >= d.GroupsCut:
		i.GroupsState = authn.GroupsPerhapsCut
	default:
		i.GroupsState = authn.GroupsPresent
	}
	return nil
}

// factors reads how they signed on. Only what is known to mean more than one factor
// does.
func (s *service) factors(i *authn.Identity, a assertion.Assertion) {
	d := s.settings.defaults
	if d.MFAAttribute != "" {
		one, there := find(a, []string{d.MFAAttribute})
		for _, v := range one.Values {
			if v != "" && len(v) <= mostName && !strings.ContainsFunc(v, unicode.IsControl) && len(i.Authentication.Methods) < mostMethod {
				i.Authentication.Methods = append(i.Authentication.Methods, v)
			}
			if slices.Contains(d.MFAValues, v) {
				i.Authentication.MultiFactor = authn.MultiFactorYes
			}
		}
		if there && i.Authentication.MultiFactor == authn.MultiFactorUnsaid {
			i.Authentication.MultiFactor = authn.MultiFactorNo
		}
	}
	if a.Authn.Context != "" && slices.Contains(d.MFAContexts, a.Authn.Context) {
		i.Authentication.MultiFactor = authn.MultiFactorYes
	}
}

// shown are the attributes for the operator to look at, without the groups, which are
// said already. What cannot be shown is left out.
func shown(a assertion.Assertion, groups []string) (out []authn.Attribute) {
	for _, one := range a.Attributes {
		if slices.Contains(groups, one.Name) || len(one.Name) > mostName || strings.ContainsFunc(one.Name, unicode.IsControl) {
			continue
		}
		shown := authn.Attribute{Name: one.Name}
		for _, v := range one.Values {
			if !strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
				shown.Values = append(shown.Values, cut(v, mostValue))
			}
		}
		out = append(out, shown)
	}
	return out
}

// cut shortens a value that is only shown.
func cut(v string, most int) string {
	if len(v) <= most {
		return v
	}
	for most > 0 && !utf8.RuneStart(v[most]) {
		most--
	}
	return v[:most]
}

// digestOf makes of an ID, which may be of any length, one that can be taken.
func digestOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
