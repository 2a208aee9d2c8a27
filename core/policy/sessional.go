package policy

import (
	"context"
	"maps"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// authRoot begins the attributes of how somebody signed on. A mapping that names one is
// evaluated for each session, and what it gives is kept with the session only.
const authRoot = "auth."

// sessionAttributes are known in the mappings of a connection beside those of users. A
// list is always there, if empty; the others may be absent.
func sessionAttributes() attributes {
	return attributes{
		"auth.mfa":        truth, // absent where the IdP did not say
		"auth.context":    text,
		"auth.methods":    list,
		"auth.connection": text, // that they signed on by
		"auth.instance":   text, // of the authenticator
	}
}

// connectionAttributes are all that the mappings of a connection may name.
func connectionAttributes() attributes {
	all := userAttributes()
	maps.Copy(all, sessionAttributes())
	return all
}

// Auth is how somebody signed on, as the session has it.
type Auth struct {
	MultiFactor authn.MultiFactor
	Context     string
	Methods     []string
	Connection  string
	Instance    string
}

// IsSessional reports whether a connection has mappings that read how somebody signed on.
func (p *Policy) IsSessional(connection string) bool {
	c := p.connections[connection]
	return c != nil && c.sessional != nil
}

// Sessional evaluates those mappings for one session of a user, sorted by role and rule.
// What they give is a grant of the session alone. On an error there is no answer at all.
func (p *Policy) Sessional(ctx context.Context, user User, a Auth) ([]Granted, error) {
	if err := user.check(); err != nil {
		return nil, err
	}
	if !p.IsSessional(user.Connection) {
		return nil, nil
	}
	t := p.connections[user.Connection].sessional
	v := t.values(&user)
	a.add(&v)
	what := t.seeWith(&user, &v)
	gives, err := p.mapped(ctx, t, what.facts)
	if err != nil {
		return nil, err
	}
	return t.granted(gives, what), nil
}

// add makes the attributes of a sign-on known. What the IdP did not say is absent, and
// fulfils nothing: neither "auth.mfa" nor "!auth.mfa".
func (a *Auth) add(v *values) {
	for name, text := range map[string]string{"context": a.Context, "connection": a.Connection, "instance": a.Instance} {
		if text != "" {
			v.single[authRoot+name] = value{text: norm.NFC.String(text)}
		}
	}
	if a.MultiFactor == authn.MultiFactorYes || a.MultiFactor == authn.MultiFactorNo {
		v.single[authRoot+"mfa"] = value{truth: a.MultiFactor == authn.MultiFactorYes}
	}
	v.lists[authRoot+"methods"] = setOf(a.Methods)
}

// isOfAuth reports whether an attribute is of the sign-on, and not of the user.
func isOfAuth(attribute string) bool { return strings.HasPrefix(attribute, authRoot) }
