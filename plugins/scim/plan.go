package scim

import (
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
)

// plan says what of an attribute an answer shows. nil shows nothing.
type plan struct {
	whole bool             // all that there is
	sub   map[string]*plan // else these sub-attributes, or these attributes of an extension
}

// selection is a list of attributes that a request names, as a tree of canonical
// names. nil names nothing.
type selection struct {
	whole bool
	sub   map[string]*selection
}

func (s *selection) add(path []string) {
	for _, name := range path {
		if s.sub == nil {
			s.sub = map[string]*selection{}
		}
		if s.sub[name] == nil {
			s.sub[name] = &selection{}
		}
		s = s.sub[name]
	}
	s.whole = true
}

func (s *selection) of(name string) *selection {
	if s == nil {
		return nil
	}
	return s.sub[name]
}

// newPlan says what an answer of this kind shows (RFC 7644 §3.9, RFC 7643 §7 on
// returned). only says that the request named what it wants.
func (k *kind) newPlan(only bool, include, exclude *selection) *plan {
	p := &plan{sub: map[string]*plan{}}
	for _, list := range [][]schema.Attribute{schema.Common(), k.Schema.Attributes} {
		p.plan(list, only, include, exclude)
	}
	for _, e := range k.Extensions {
		in, ex := include.of(e.ID), exclude.of(e.ID)
		if ex != nil && ex.whole {
			continue
		}
		inner := &plan{sub: map[string]*plan{}}
		if inner.plan(e.Attributes, only && (in == nil || !in.whole), in, ex); len(inner.sub) > 0 {
			p.sub[e.ID] = inner
		}
	}
	return p
}

// plan adds what is shown of a list of attributes.
func (p *plan) plan(list []schema.Attribute, only bool, include, exclude *selection) {
	for i := range list {
		a := &list[i]
		in, ex := include.of(a.Name), exclude.of(a.Name)
		if one := planOf(a, only, in, ex); one != nil {
			p.sub[a.Name] = one
		}
	}
}

func planOf(a *schema.Attribute, only bool, in, ex *selection) *plan {
	switch a.Returned {
	case schema.Never:
		return nil
	case schema.Request:
		if in == nil {
			return nil
		}
	case schema.Always:
	default:
		if only && in == nil {
			return nil
		}
	}
	if ex != nil && ex.whole && a.Returned != schema.Always {
		return nil
	}
	inner := &plan{sub: map[string]*plan{}}
	inner.plan(a.Sub, in != nil && !in.whole, in, ex)
	inner.whole = len(inner.sub) == len(a.Sub)
	for _, s := range inner.sub {
		inner.whole = inner.whole && s.whole
	}
	return inner
}

// shows is whether an attribute is shown, in part at least.
func (p *plan) shows(name string) bool { return p.whole || p.sub[name] != nil }
