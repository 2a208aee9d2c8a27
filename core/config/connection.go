package config

import (
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Connection is a connection block: one organization's link to one IdP.
type Connection struct {
	Label        string
	Organization string // label
	Provider     Provider
	CreateUsers  CreateUsers
	PullEvery    time.Duration // of provisioners that ask the IdP
	Provisioners []Instance    // named connection/kind or connection/kind.label
	Brake        Brake
	Limits       ConnectionLimits
	SignOn       SignOn
	Mappings     []Mapping // for the users of this connection
	Rego         OwnRego   // for the same
	Tests        []Test    // of what they give
	Range        hcl.Range
}

// Provider is an IdP product.
type Provider string

// The providers. Generic is whatever is none of the others.
const (
	Okta      Provider = "okta"
	Entra     Provider = "entra"
	OneLogin  Provider = "onelogin"
	Ping      Provider = "ping"
	JumpCloud Provider = "jumpcloud"
	Google    Provider = "google"
	Generic   Provider = "generic"
)

// CreateUsers says what makes a user of a connection.
type CreateUsers string

// Provisioned users are made by the connection's provisioners only, the others by
// their first sign-on.
const (
	Provisioned CreateUsers = "provisioned"
	OnLogin     CreateUsers = "on_login"
)

// Brake is the connection.brake block: when a mass deactivation stops and asks.
type Brake struct {
	Share  float64 // of the connection's active users; above 0, at most 1
	Window time.Duration
	Mode   BrakeMode
	Least  int // so many people must have left before it trips; at least 10
}

// BrakeMode says what becomes of those who leave after the brake has tripped.
type BrakeMode string

// The modes.
const (
	Suspend BrakeMode = "suspend" // their access ends, as before; what cannot be taken back waits
	Hold    BrakeMode = "hold"    // they keep it, and the IdP is told to try again later
)

// ConnectionLimits is the connection.limits block: what an IdP may ask of the
// connection's provisioners.
type ConnectionLimits struct {
	Concurrent int           // requests at once
	Rate       throttle.Rate // of requests
	Body       int64         // bytes of a request's body
}

// leastBrake is how many people may always leave without a question: a smaller
// number would stop the ordinary life of a small team.
const leastBrake = 10

var brakeSchema = schema.Schema{Attributes: []schema.Attribute{
	{Name: "share", Type: schema.Number, Default: 0.2, Doc: "Above this share of the connection's active users, deactivated within the window, the brake trips: above 0, at most 1.", Example: `0.2`},
	{Name: "window", Type: schema.Duration, Default: "1h", Doc: "The time that the share is of, from 1m to 24h. What cannot be taken back, such as the revocation of a leaver's keys, waits for its end.", Example: `"1h"`},
	{Name: "mode", Type: schema.String, Default: string(Suspend), Doc: "`suspend`: who leaves after the brake has tripped loses access like everybody before, and an operator decides whether it stays so. `hold`: they keep access until then, and the IdP is told to try again later.", Example: `"suspend"`},
	{Name: "least", Type: schema.Number, Default: float64(leastBrake), Doc: "Whatever their share, so many people must be deactivated within the window before the brake trips: at least 10.", Example: `10`},
}}

var connectionLimitsSchema = schema.Schema{Attributes: []schema.Attribute{
	{Name: "concurrent", Type: schema.Number, Default: 16.0, Doc: "How many requests of the IdP are worked on at once, from 1 to 1000. Each node counts for itself.", Example: `16`},
	{Name: "rate", Type: schema.String, Default: "100/s", Doc: "How many requests the IdP may make for each second, minute or hour; what it saved in two seconds it may make at once. Beyond it the answer is 429. Each node counts for itself. Entra ID asks for 25 a second.", Example: `"100/s"`},
	{Name: "body", Type: schema.String, Default: "16MiB", Doc: "The largest body of a request of the IdP.", Example: `"16MiB"`},
}}

var provisionerFrame = frame{
	kind: "provisioner", labels: []label{{name: "kind"}, {name: "label", optional: true}}, plugin: true,
	doc:    "An instance of a plugin that takes people and groups over from the IdP. The label tells several of one kind apart. What else may stand in it is the plugin's to say.",
	Schema: schema.Schema{Attributes: []schema.Attribute{isolationAttribute}},
}

var connectionMappingFrame = frame{
	kind: "mapping", labels: []label{{name: "name"}},
	doc: "A rule that gives roles to users of the connection. All that stands in it must hold: the groups and the condition.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "groups", Type: schema.Strings, Doc: "Display names of groups, letter for letter: for users who are in one of them, also through groups within it.", Example: `["Platform Admins"]`},
		{Name: "group_ids", Type: schema.Strings, Doc: "The same by the ids that the IdP has for its groups, which a renaming leaves. Of all three, one group is enough.", Example: `["00g1emaKYZTWRYYRRTSK"]`},
		{Name: "group_patterns", Type: schema.Strings, Doc: "The same by patterns of display names, in which `*` is any characters or none: at most 20, and 100 in all mappings of the connection.", Example: `["Team *", "*-admins"]`},
		{Name: "ignore_case", Type: schema.Bool, Default: false, Doc: "Whether upper and lower case are the same in `groups` and `group_patterns`.", Example: `true`},
		{Name: "roles", Type: schema.Strings, Required: true, Doc: "The roles that the mapping gives.", Example: `["analyst"]`},
	}},
	expressions: []schema.Attribute{
		{Name: "when", Doc: "The condition under which it does, over the [attributes of users](user-attributes.md) and of [how they signed on](mappings.md#sessions). Without it, always.", Example: `user.department == "Analytics"`},
	},
}

var connectionFrame = frame{
	kind: "connection", labels: []label{{name: "label"}},
	doc: "One organization's link to one IdP. The label is its name for ever.",
	Schema: schema.Schema{
		Attributes: []schema.Attribute{
			{Name: "organization", Type: schema.String, Required: true, Doc: "The label of the organization whose people come by it.", Example: `"acme"`},
			{Name: "provider", Type: schema.String, Default: string(Generic), Doc: "The IdP: `okta`, `entra`, `onelogin`, `ping`, `jumpcloud`, `google` or `generic`. It decides how what the IdP sends is understood.", Example: `"okta"`},
			{Name: "create_users", Type: schema.String, Default: string(Provisioned), Doc: "What makes a user: `provisioned`, the provisioners of the connection only; `on_login`, the first sign-on, in a connection without provisioners.", Example: `"provisioned"`},
			regoAttribute,
			signOnAttributes[0], signOnAttributes[1], signOnAttributes[2],
			{Name: "pull_every", Type: schema.Duration, Default: "15m", Doc: "How often a provisioner that asks the IdP, such as `google`, begins to go through all people and groups: from 1m to 24h.", Example: `"15m"`},
		},
		Blocks: []schema.Block{
			{Name: "brake", Doc: "When a mass deactivation stops and asks an operator.", Schema: brakeSchema},
			{Name: "limits", Doc: "What the IdP may ask of the connection, so that one organization's sync does not slow another's.", Schema: connectionLimitsSchema},
		},
	},
	children: []*frame{&connectionAuthenticatorFrame, &provisionerFrame, &connectionMappingFrame, &connectionTestFrame},
}

func (l *loader) connection(b *block) {
	c := Connection{
		Label: b.labels[0], Organization: b.text("organization"),
		Provider:  Provider(b.oneOf("provider", string(Okta), string(Entra), string(OneLogin), string(Ping), string(JumpCloud), string(Google), string(Generic))),
		PullEvery: pullEvery(b),
		Brake:     brake(b.one("brake", brakeSchema)), Limits: connectionLimits(b.one("limits", connectionLimitsSchema)),
		Mappings: l.rules(b), Rego: l.rego(b), Range: b.at,
	}
	c.Tests = l.tests(b, "user")
	c.SignOn = l.signOn(b, c.Label)
	c.CreateUsers = CreateUsers(b.oneOf("create_users", string(Provisioned), string(OnLogin)))
	switch {
	case c.CreateUsers == OnLogin && len(b.blocks["provisioner"]) > 0:
		b.invalid("create_users", "", "Users of two sources", "The provisioner of this connection says who there is: a sign-on makes nobody beside it. Write \"provisioned\", or leave it out.")
	case c.CreateUsers == OnLogin && len(b.blocks["authenticator"]) == 0:
		b.invalid("create_users", "", "Nobody signs on", "This connection has no authenticator by which anybody could.")
	}
	names := map[string]*block{}
	for _, p := range b.blocks["provisioner"] {
		if len(p.labels) == 0 {
			continue // which is reported
		}
		in := l.instance(p, &provisionerFrame)
		if first := names[in.Name]; first != nil {
			p.fail(p.at, p.path, CodeDuplicate, "Name stands twice", "This connection has a provisioner %q in %s already.", in.Name, position(first.at))
			continue
		}
		names[in.Name] = p
		in.Name = c.Label + "/" + in.Name
		c.Provisioners = append(c.Provisioners, in)
	}
	l.members = append(l.members, b)
	l.keep(b, func() {
		for i, in := range c.Provisioners {
			c.Provisioners[i] = l.isolated(in)
		}
		for i, in := range c.SignOn.Authenticators {
			c.SignOn.Authenticators[i] = l.isolated(in)
		}
		l.config.Connections = append(l.config.Connections, c)
	})
}

func pullEvery(b *block) time.Duration {
	every := b.duration("pull_every")
	if every > 0 && (every < time.Minute || every > 24*time.Hour) {
		b.invalid("pull_every", "", "Too often, or too seldom", "It is from 1m to 24h.")
	}
	return every
}

func brake(b *block) Brake {
	share, given := b.attrs["share"].value.(float64)
	k := Brake{Share: share, Window: b.duration("window"), Mode: BrakeMode(b.oneOf("mode", string(Suspend), string(Hold))), Least: b.whole("least", leastBrake, 1_000_000)}
	if given && (share <= 0 || share > 1) {
		b.invalid("share", "", "Not a share", "A share is above 0 and at most 1, which is everybody.")
	}
	if w := k.Window; w > 0 && (w < time.Minute || w > 24*time.Hour) {
		b.invalid("window", "", "Window out of bounds", "It is from 1m to 24h.")
	}
	return k
}

func connectionLimits(b *block) ConnectionLimits {
	return ConnectionLimits{Concurrent: b.whole("concurrent", 1, 1000), Rate: b.rate("rate"), Body: b.size("body")}
}

// groups reads the groups of a mapping. A list of none would be one for
// everybody by mistake.
func (b *block) groups(name string) []string {
	a := b.attrs[name]
	list := b.texts(name)
	if a.given && !a.unknown && len(list) == 0 {
		b.invalid(name, "", "No groups", "Name at least one group, or leave %q out.", name)
	}
	for i, g := range list {
		if strings.TrimSpace(g) == "" {
			b.invalid(name, strconv.Itoa(i), "No name of a group", "Expected a group as the IdP names it.")
		}
	}
	b.unique(name)
	return list
}
