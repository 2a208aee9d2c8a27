package policy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// connection is the mappings of one connection, and what they see of a user.
type connection struct {
	rules  map[string]rule            // by what their grants say gave them
	texts  []string                   // attributes, without "user.", sorted
	lists  []string                   // the same
	named  map[string]map[string]bool // of a list that mappings only look for groups in: those groups
	digest string                     // of what the rules say
}

// group collects the mappings of each connection.
func group(mappings []rule) map[string]*connection {
	connections := map[string]*connection{}
	for _, m := range mappings {
		if m.Connection == "" || len(m.bodies) == 0 { // a condition that never holds
			continue
		}
		c := connections[m.Connection]
		if c == nil {
			c = &connection{rules: map[string]rule{}, named: map[string]map[string]bool{}}
			connections[m.Connection] = c
		}
		c.rules[m.rule()] = m
	}
	for _, c := range connections {
		c.sight()
	}
	return connections
}

// sight finds out what the mappings see.
func (c *connection) sight() {
	texts, lists := map[string]bool{}, map[string]bool{}
	known := userAttributes()
	for _, m := range c.rules {
		for _, attribute := range m.attributes {
			name := strings.TrimPrefix(attribute, "user.")
			if known[attribute] == list {
				lists[name] = true
			} else {
				texts[name] = true
			}
		}
	}
	whole := maps.Clone(lists)
	for _, m := range c.rules {
		for name, groups := range map[string][]string{"groups": m.Groups, "group_ids": m.GroupIDs} {
			for _, g := range groups {
				lists[name] = true
				if whole[name] {
					continue
				}
				if c.named[name] == nil {
					c.named[name] = map[string]bool{}
				}
				c.named[name][norm.NFC.String(g)] = true
			}
		}
	}
	c.texts, c.lists = slices.Sorted(maps.Keys(texts)), slices.Sorted(maps.Keys(lists))
}

// writeConnections writes the package of each connection, and notes the digest
// of each.
func writeConnections(connections map[string]*connection) []string {
	var sources []string
	for _, label := range slices.Sorted(maps.Keys(connections)) {
		c := connections[label]
		var b strings.Builder
		digest := sha256.New()
		fmt.Fprintf(&b, "# The mappings of a connection.\npackage gatehouse.connections[%s]\n", quote(label))
		for _, name := range slices.Sorted(maps.Keys(c.rules)) {
			m := c.rules[name]
			for _, text := range m.ofUsers() {
				fmt.Fprintf(&b, "\n# mapping %s at %s\n%s\n", quote(m.Name), quote(m.Where), text)
				digest.Write([]byte(text + "\n"))
			}
		}
		c.digest = hex.EncodeToString(digest.Sum(nil))
		sources = append(sources, b.String())
	}
	return sources
}

// groupPart is one of the groups that a mapping asks for, one of which is enough.
type groupPart struct{ head, line, words string }

func (m rule) groupParts() (parts []groupPart) {
	for _, g := range m.Groups {
		g = norm.NFC.String(g)
		parts = append(parts, groupPart{`"group": ` + quote(g) + ", ", quote(g) + " in input.user.groups", fmt.Sprintf("group %q", g)})
	}
	for _, g := range m.GroupIDs {
		g = norm.NFC.String(g)
		parts = append(parts, groupPart{`"group_id": ` + quote(g) + ", ", quote(g) + " in input.user.group_ids", fmt.Sprintf("group with the id %q", g)})
	}
	return parts
}

// ofUsers writes a rule for each group with each alternative of the condition.
func (m rule) ofUsers() []string {
	parts := m.groupParts()
	if len(parts) == 0 {
		parts = []groupPart{{}}
	}
	role, more := m.role()
	var out []string
	for _, g := range parts {
		for _, body := range m.bodies {
			lines := slices.Concat(body, more)
			if g.line != "" {
				lines = append([]string{g.line}, lines...)
			}
			text := fmt.Sprintf(`grants contains {%s"role": %s, "rule": %s}`, g.head, role, quote(m.rule()))
			if len(lines) > 0 {
				text += fmt.Sprintf(" if {\n\t%s\n}", strings.Join(lines, "\n\t"))
			}
			out = append(out, text)
		}
	}
	return out
}

// Digest tells whether the mappings of a connection say the same in two
// policies, wherever they stand; "" are none.
func (p *Policy) Digest(label string) string {
	if c := p.connections[label]; c != nil {
		return c.digest
	}
	return ""
}

// Where is the file and line of the mapping that gave a user's grant, by the
// grant's rule; "" where there is no such mapping any more.
func (p *Policy) Where(rule string) string {
	label, _, _ := strings.Cut(rule, "/")
	if c := p.connections[label]; c != nil {
		return c.rules[rule].Where
	}
	return ""
}

// Mapped evaluates what mappings give to each of the users, sorted by role and
// rule, with the reason. It costs as much as the users differ in what the
// mappings of their connection see, and nothing for other connections'. On an
// error there is no answer at all.
func (p *Policy) Mapped(ctx context.Context, users []User) ([][]Granted, error) {
	type key struct{ connection, seen string }
	known := map[key][]Granted{}
	out := make([][]Granted, len(users))
	for i := range users {
		u := &users[i]
		if err := u.check(); err != nil {
			return nil, err
		}
		c := p.connections[u.Connection]
		if c == nil {
			continue
		}
		what := c.see(u)
		k := key{u.Connection, c.key(what)}
		granted, ok := known[k]
		if !ok {
			var err error
			if granted, err = p.mapped(ctx, u.Connection, c, what); err != nil {
				return nil, err
			}
			known[k] = granted
		}
		out[i] = granted
	}
	return out, nil
}

func (p *Policy) mapped(ctx context.Context, label string, c *connection, what seen) ([]Granted, error) {
	answer, err := p.engine.evaluate(ctx, p.engine.mapped, what.input(label))
	if err != nil {
		return nil, err
	}
	granted, err := c.read(answer, what)
	if err != nil {
		return nil, problem.Wrap(err, problem.Internal, "the policy gave an answer of another form")
	}
	return granted, nil
}

// read checks the shape of an answer, and puts together what one mapping gave
// by several groups.
func (c *connection) read(answer any, what seen) ([]Granted, error) {
	list, ok := answer.([]any)
	if !ok {
		return nil, fmt.Errorf("grants are missing")
	}
	type key struct{ role, rule string }
	groups := map[key][]string{}
	for _, g := range list {
		fields, _ := g.(map[string]any)
		role, ok1 := fields["role"].(string)
		name, ok2 := fields["rule"].(string)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("a grant does not say role and rule")
		}
		if _, ok := c.rules[name]; !ok {
			return nil, fmt.Errorf("a grant names a rule that there is not")
		}
		k := key{role, name}
		groups[k] = append(groups[k], groupOf(fields)...)
	}
	granted := make([]Granted, 0, len(groups))
	for k, in := range groups {
		slices.Sort(in)
		granted = append(granted, Granted{Role: k.role, Source: SourceMapping, Rule: k.rule, Reason: c.rules[k.rule].because(in, what)})
	}
	slices.SortFunc(granted, func(a, b Granted) int { return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Rule, b.Rule)) })
	return granted, nil
}

// groupOf is the group that a grant names, in words.
func groupOf(fields map[string]any) []string {
	if name, ok := fields["group"].(string); ok {
		return []string{fmt.Sprintf("group %q", name)}
	}
	if id, ok := fields["group_id"].(string); ok {
		return []string{fmt.Sprintf("group with the id %q", id)}
	}
	return nil
}
