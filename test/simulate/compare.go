package simulate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// compare reads everybody and every group from the server, and says what is
// there otherwise than the provider has it.
func (w *world) compare(ctx context.Context, phase string) ([]string, error) {
	s := w.session
	var out []string
	differ := func(format string, args ...any) {
		out = append(out, "after "+phase+": "+fmt.Sprintf(format, args...))
	}
	for _, p := range w.people {
		found, err := s.find(ctx, "/Users", "userName", p.userName)
		if err != nil {
			return out, err
		}
		if !p.there {
			if len(found) > 0 {
				differ("%s is there", p.userName)
			}
			continue
		}
		if len(found) != 1 {
			differ("%s is there %d times", p.userName, len(found))
			continue
		}
		p.differences(found[0], differ)
	}
	for _, g := range w.groups {
		if err := w.compareGroup(ctx, g, differ); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (p *person) differences(o object, differ func(string, ...any)) {
	name, _ := o["name"].(object)
	for _, c := range []struct {
		what string
		got  any
		want string
	}{
		{"id", o["id"], p.id}, {"name.givenName", name["givenName"], p.given},
		{"name.familyName", name["familyName"], p.family}, {"title", o["title"], p.title},
	} {
		if got, _ := c.got.(string); got != c.want {
			differ("%s of %s is %q, and not %q", c.what, p.userName, got, c.want)
		}
	}
	if active, _ := o["active"].(bool); active != p.active {
		differ("active of %s is %v, and not %v", p.userName, o["active"], p.active)
	}
	extension, _ := o[enterprise].(object)
	if got, _ := extension["department"].(string); got != p.department {
		differ("department of %s is %q, and not %q", p.userName, got, p.department)
	}
}

func (w *world) compareGroup(ctx context.Context, g *group, differ func(string, ...any)) error {
	s := w.session
	found, err := s.find(ctx, "/Groups", "displayName", g.display)
	if err != nil {
		return err
	}
	if !g.there {
		if len(found) > 0 {
			differ("group %q is there", g.display)
		}
		return nil
	}
	if len(found) != 1 {
		differ("group %q is there %d times", g.display, len(found))
		return nil
	}
	id, _ := found[0]["id"].(string)
	whole, err := s.must(ctx, http.MethodGet, "/Groups/"+url.PathEscape(id), nil, http.StatusOK)
	if err != nil {
		return err
	}
	list, _ := whole.body["members"].([]any)
	var got, want []string
	for _, one := range list {
		m, _ := one.(object)
		value, _ := m["value"].(string)
		got = append(got, value)
	}
	for p := range g.members {
		if p.there {
			want = append(want, p.id)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		differ("group %q has the members %s, and not %s", g.display, strings.Join(got, " "), strings.Join(want, " "))
	}
	return nil
}

// find looks a resource up as every provider does before it creates one.
func (s *session) find(ctx context.Context, endpoint, attribute, value string) ([]object, error) {
	q := url.Values{"filter": {attribute + ` eq "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`}}
	a, err := s.must(ctx, http.MethodGet, endpoint+"?"+q.Encode(), nil, http.StatusOK)
	return a.found(), err
}
