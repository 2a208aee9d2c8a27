package policy

import "context"

// Evaluator is Mapped for who goes through very many users in parts: what it has
// found out of one part serves the next. It is for one goroutine.
type Evaluator struct {
	policy *Policy
	known  map[sight][]Granted
}

// sight is what the mappings of a connection see of a user.
type sight struct{ connection, seen string }

// maxKnown bounds what an Evaluator remembers. Users who differ more than that
// are evaluated one by one, as they would be without it.
const maxKnown = 50_000

// Evaluator returns one that remembers nothing yet.
func (p *Policy) Evaluator() *Evaluator {
	return &Evaluator{policy: p, known: map[sight][]Granted{}}
}

// Mapped is that of the policy.
func (e *Evaluator) Mapped(ctx context.Context, users []User) ([][]Granted, error) {
	out := make([][]Granted, len(users))
	for i := range users {
		u := &users[i]
		if err := u.check(); err != nil {
			return nil, err
		}
		c := e.policy.connections[u.Connection]
		if c == nil {
			continue
		}
		what := c.see(u)
		at := sight{u.Connection, c.key(what)}
		granted, ok := e.known[at]
		if !ok {
			var err error
			if granted, err = e.policy.mapped(ctx, u.Connection, c, what); err != nil {
				return nil, err
			}
			if len(e.known) >= maxKnown {
				clear(e.known)
			}
			e.known[at] = granted
		}
		out[i] = granted
	}
	return out, nil
}
