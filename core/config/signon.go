package config

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// SignOn is what a connection block says about people who sign on by it.
type SignOn struct {
	Authenticators []Instance // named connection/kind or connection/kind.label
	RequireMFA     bool
	Match          Match
	Unsolicited    bool // answers count that nobody asked for
}

// Match says by what the first sign-on of a user finds them.
type Match string

// What an identity and a user of the connection have in common.
const (
	MatchUserName   Match = "user_name"
	MatchEmail      Match = "email"
	MatchExternalID Match = "external_id"
)

// Session is the session block: the limits of sessions of people.
type Session struct {
	Idle    time.Duration
	Life    time.Duration
	PerUser int
	Refresh time.Duration // how often an IdP is asked about a session
	Range   hcl.Range // zero where the block is absent
}

var connectionAuthenticatorFrame = frame{
	kind: "authenticator", labels: []label{{name: "kind"}, {name: "label", optional: true}}, plugin: true,
	doc:    "An instance of a plugin by which people of the connection sign on. The label tells several apart, and is part of their addresses; one can do without. What else may stand in it is the plugin's to say.",
	Schema: schema.Schema{Attributes: []schema.Attribute{isolationAttribute}},
}

var signOnAttributes = []schema.Attribute{
	{Name: "require_mfa", Type: schema.Bool, Default: false, Doc: "Whether people have to sign on with more than one factor. The IdP is asked for it, and who comes without is refused: an IdP that does not say so has not done it.", Example: `true`},
	{Name: "match", Type: schema.String, Default: string(MatchUserName), Doc: "By what the first sign-on of a user finds them: `user_name`, `email` or `external_id` of the connection's users. From then on the IdP's own name for them counts, and nothing else.", Example: `"user_name"`},
	{Name: "allow_unsolicited", Type: schema.Bool, Default: false, Doc: "Whether an answer of the IdP that nobody here asked for signs somebody on, as from a portal. Without it such an answer begins a sign-on, which the IdP answers by itself: so nobody is signed on to a stranger's account.", Example: `false`},
}

var sessionFrame = frame{
	kind: "session", once: true,
	doc: "The limits of sessions of people with a browser.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "idle", Type: schema.Duration, Default: "12h", Doc: "A session that was not used for as long is over: from 5m to 720h.", Example: `"12h"`},
		{Name: "life", Type: schema.Duration, Default: "168h", Doc: "A session is over after as long, whatever is done with it: from 5m to 2160h. An IdP may say less.", Example: `"168h"`},
		{Name: "per_user", Type: schema.Number, Default: 20.0, Doc: "How many sessions a user has at most, from 1 to 1000: one more ends that which was used least lately.", Example: `20`},
		{Name: "refresh", Type: schema.Duration, Default: "15m", Doc: "How often the IdP is asked whether a session that is used may go on, where it gave a refresh token: from 1m to 24h. What it says then counts, and where it refuses the session ends. An IdP that does not answer ends none.", Example: `"15m"`},
	}},
}

// sessionDefaults are what counts without a session block.
var sessionDefaults = Session{Idle: 12 * time.Hour, Life: 7 * 24 * time.Hour, PerUser: 20, Refresh: 15 * time.Minute}

func (l *loader) session(b *block) {
	s := Session{
		Idle: spanned(b, "idle", 5*time.Minute, 30*24*time.Hour), Life: spanned(b, "life", 5*time.Minute, 90*24*time.Hour),
		PerUser: b.whole("per_user", 1, 1000), Refresh: spanned(b, "refresh", time.Minute, 24*time.Hour), Range: b.at,
	}
	l.keep(b, func() { l.config.Session = s })
}

// spanned reads a duration that has bounds.
func spanned(b *block, name string, least, most time.Duration) time.Duration {
	d := b.duration(name)
	if d > 0 && (d < least || d > most) {
		b.invalid(name, "", "Out of bounds", "It is from %s to %s.", least, most)
	}
	return d
}

// signOn reads how people of a connection sign on.
func (l *loader) signOn(b *block, connection string) SignOn {
	s := SignOn{
		RequireMFA: b.flag("require_mfa"), Unsolicited: b.flag("allow_unsolicited"),
		Match: Match(b.oneOf("match", string(MatchUserName), string(MatchEmail), string(MatchExternalID))),
	}
	names := map[string]*block{}
	for _, a := range b.blocks["authenticator"] {
		if len(a.labels) == 0 {
			continue // which is reported
		}
		in := l.instance(a, &connectionAuthenticatorFrame)
		if first := names[in.Label]; first != nil {
			if in.Label == "" {
				a.fail(a.at, a.path, CodeDuplicate, "Two without a label", "The authenticator in %s has none either: both would have the same addresses. Give this one a label, as in authenticator %q \"new\".", position(first.at), in.Kind)
			} else {
				a.fail(a.at, a.path, CodeDuplicate, "Label stands twice", "The authenticator in %s has the label %q: both would have the same addresses.", position(first.at), in.Label)
			}
			continue
		}
		names[in.Label] = a
		if slices.Contains(strings.Fields(ReservedLabels), in.Label) {
			a.fail(a.at, a.path, CodeValue, "Label is taken", "%q is the end of an address of a connection's authenticators. Choose another label.", in.Label)
		}
		in.Name = connection + "/" + in.Name
		s.Authenticators = append(s.Authenticators, in)
	}
	return s
}

// ReservedLabels cannot be labels of a connection's authenticators: their addresses
// end with these (/sso/{connection}/acs).
const ReservedLabels = "acs callback metadata receive slo"
