// Package simulate plays an identity provider that pushes its people to a SCIM
// server: it tests the connection, sends everybody, changes profiles, moves
// people between groups, deactivates, brings back and deletes, each in the way
// that the provider's product really does it, and looks after every phase
// whether the server has what the provider has. `gatehouse simulate` runs it
// against any server, and the tests of this repository against ours.
//
// What each product sends is taken from its documentation and from what others
// have recorded; the comments at each message name the source.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Options say who is played, against whom, and how roughly.
type Options struct {
	Provider string // one of Providers
	URL      string // of the SCIM server, such as https://app.example.com/scim/v2
	Token    string // sent as Authorization: Bearer
	Client   *http.Client

	Users  int    // how many people there are
	Groups int    // how many groups they are in
	Seed   uint64 // the same seed plays the same people and the same faults
	Domain string // of their addresses; "" is corp.example

	// Parallel is how many requests run at once, in an order of their own: 1 is
	// none beside another.
	Parallel int
	Faults   Faults

	// Keep leaves the people there at the end, instead of deleting them.
	Keep bool

	// Told is called after every request; nil tells nobody.
	Told func(Step)
}

// Faults are the shares of requests, from 0 to 1, with which something goes
// wrong on the way.
type Faults struct {
	Duplicates float64 // the request arrives twice
	HangUps    float64 // the provider hangs up before the answer, and begins the task again
	Lost       float64 // the request arrives and its answer does not, which is repeated
}

// Step is one request and its answer.
type Step struct {
	Phase        string
	Method, Path string
	Status       int // 0: there was no answer
	Took         time.Duration
	Fault        string // what was done to it on the way; "" is nothing
	Err          error
}

// Report is what was found out.
type Report struct {
	Provider    string   `json:"provider"`
	Phases      []Phase  `json:"phases"`
	Requests    int      `json:"requests"`
	Differences []string `json:"differences"` // where the server has something else than the provider
}

// Phase is a part of the life cycle.
type Phase struct {
	Name        string        `json:"name"`
	Requests    int           `json:"requests"`
	Took        time.Duration `json:"took_ns"`
	Differences int           `json:"differences"`
	Failed      bool          `json:"failed"` // the server gave no answer that this provider goes on after
}

// Providers are the products that can be played, each with how its
// administrators know it.
func Providers() map[string]string {
	known := map[string]string{}
	for name, p := range products {
		known[name] = p.about
	}
	return known
}

// product is how one provider does things. Each method does a whole task of the
// provider, which it would begin again after a failure.
type product struct {
	about string
	make  func() provider
}

// managed is a provider that sends who somebody's manager is, once both are there.
type managed interface {
	manager(ctx context.Context, s *session, p *person) error
}

type provider interface {
	test(ctx context.Context, s *session) error
	createUser(ctx context.Context, s *session, p *person) error
	updateUser(ctx context.Context, s *session, p *person) error
	setActive(ctx context.Context, s *session, p *person) error
	deleteUser(ctx context.Context, s *session, p *person) error
	createGroup(ctx context.Context, s *session, g *group) error
	renameGroup(ctx context.Context, s *session, g *group) error
	members(ctx context.Context, s *session, g *group, add, remove []*person) error
	deleteGroup(ctx context.Context, s *session, g *group) error
}

// Run plays the whole life cycle. The error says why it could not go on; what
// the server has wrong is in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	known, ok := products[o.Provider]
	if !ok {
		return Report{}, fmt.Errorf("there is no provider %q: choose one of %s", o.Provider, strings.Join(slices.Sorted(maps.Keys(products)), ", "))
	}
	if o.Users < 1 || o.Groups < 1 || o.Parallel < 1 {
		return Report{}, errors.New("there must be at least one user, one group and one request at a time")
	}
	s, err := newSession(o)
	if err != nil {
		return Report{}, err
	}
	w := &world{provider: known.make(), session: s, random: rand.New(rand.NewPCG(o.Seed, 1)), parallel: o.Parallel}
	w.populate(o)
	report := Report{Provider: o.Provider, Differences: []string{}}
	for _, phase := range w.phases(o) {
		began, before := time.Now(), s.count()
		s.phase(phase.name)
		err := phase.run(ctx)
		var differences []string
		if err == nil && phase.compared {
			differences, err = w.compare(ctx, phase.name)
		}
		report.Differences = append(report.Differences, differences...)
		report.Phases = append(report.Phases, Phase{Name: phase.name, Requests: s.count() - before, Took: time.Since(began), Differences: len(differences), Failed: err != nil})
		report.Requests = s.count()
		if err != nil {
			return report, fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	return report, nil
}
