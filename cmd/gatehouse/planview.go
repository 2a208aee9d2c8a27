package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// plan shows the numbers of a plan.
func (t *terminal) plan(p admin.Plan) error {
	err := t.printf("Compared with revision %d, which is in force:\n", p.Revision)
	if len(p.Roles)+len(p.Access) == 0 {
		err = errors.Join(err, t.printf("  nobody gains or loses a role or access.\n"))
	}
	if len(p.Roles) > 0 {
		rows := [][]string{}
		for _, r := range p.Roles {
			rows = append(rows, []string{r.Role, sum(r.UsersGain), sum(r.UsersLose), sum(r.ClientsGain), sum(r.ClientsLose)})
		}
		err = errors.Join(err, t.printf("\n"), t.table([]column{{title: "ROLE", cut: true}, {title: "USERS GAIN"}, {title: "LOSE"}, {title: "CLIENTS GAIN"}, {title: "LOSE"}}, rows))
	}
	if len(p.Access) > 0 {
		rows := [][]string{}
		for _, a := range p.Access {
			rows = append(rows, []string{a.Access, because(a.Access, a.Because), a.Of, sum(a.Users), sum(a.Clients)})
		}
		err = errors.Join(err, t.printf("\n"), t.table([]column{{title: "ACCESS"}, {title: "BECAUSE", cut: true}, {title: "OF", cut: true}, {title: "USERS"}, {title: "CLIENTS"}}, rows))
	}
	for _, l := range p.Lockouts {
		who := plural(l.Users, "user")
		if l.Users == 0 {
			who = plural(l.Clients, "client")
		}
		have := "have"
		if max(l.Users, 1)*max(l.Clients, 1) == 1 || l.Users == 1 {
			have = "has"
		}
		err = errors.Join(err, t.printf("\n%s\n", t.bold("LOCKOUT: protected role "+l.Role)),
			t.paragraphs("  ", []field{{"", fmt.Sprintf("Nobody in organization %s could use it any more; %s %s it now. gatehouse apply refuses this without --allow-lockout %s.", l.Organization, who, have, l.Role)}}))
	}
	return err
}

func sum(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// because says in words why access is lost or gained.
func because(access, why string) string {
	lost := access == admin.AccessLost
	words := map[string][2]string{
		admin.ByConnection:    {"the connection is there again", "the connection is taken away"},
		admin.BySignOn:        {"people can sign on by it", "nobody can sign on by it"},
		admin.ByClient:        {"the client is declared", "the client's block is taken away"},
		admin.ByAuthenticator: {"the authenticator is there again", "the authenticator is taken away"},
		admin.ByOwner:         {"the owner has access again", "the owner has no access"},
	}[why]
	if lost {
		return words[1]
	}
	return words[0]
}

// concerned names who gains and who loses what. Those whom the plan has counted and
// not named are counted.
func (t *terminal) concerned(p admin.Plan, seen *changes) error {
	var err error
	list := func(title string, total int, named []string) {
		if total == 0 {
			return
		}
		err = errors.Join(err, t.printf("\n%s\n", t.bold(title)))
		for _, line := range named {
			err = errors.Join(err, t.paragraphs("  ", []field{{"", line}}))
		}
		if more := total - len(named); more > 0 {
			err = errors.Join(err, t.printf("  and %d more, whom --all names\n", more))
		}
	}
	for _, a := range p.Access {
		var named []string
		for _, c := range seen.all {
			if c.Access == a.Access && c.Because == a.Because && (a.Of == c.Connection || c.Connection == "" && (a.Of == c.Organization || a.Because == admin.ByAuthenticator)) {
				named = append(named, who(c))
			}
		}
		list(fmt.Sprintf("Access %s: %s (%s)", a.Access, because(a.Access, a.Because), a.Of), a.Users+a.Clients, named)
	}
	for _, r := range p.Roles {
		for _, loses := range []bool{true, false} {
			var named []string
			for _, c := range seen.all {
				grants := c.Gains
				if loses {
					grants = c.Loses
				}
				for _, g := range grants {
					if g.Role == r.Role {
						named = append(named, who(c)+", "+by(g))
					}
				}
			}
			if loses {
				list("Loses "+r.Role, r.UsersLose+r.ClientsLose, named)
			} else {
				list("Gains "+r.Role, r.UsersGain+r.ClientsGain, named)
			}
		}
	}
	return err
}

// who is a principal as people read it.
func who(c admin.PlannedChange) string {
	if c.Name == "" {
		return c.Principal + " of " + c.Organization
	}
	return c.Name + " of " + c.Organization
}

// by is what gives a role.
func by(g admin.PlannedGrant) string {
	text := "by " + g.Source
	if g.Rule != "" {
		text += " " + g.Rule
	}
	if g.Where != "" {
		text += " at " + g.Where
	}
	if g.Reason != "" {
		text += ": " + g.Reason
	}
	return text
}

// whats are the words of administrators of identity providers.
var whats = map[string]string{
	"metadata": "metadata, and entity ID", "acs": "ACS URL (reply URL)", "callback": "redirect URI", "slo": "logout URL", "receive": "back-channel logout URL",
	"provisioning": "SCIM base URL",
}

// elsewhere shows what a plan says beside people: what has to be changed at identity
// providers, and what roles and routes are from then on.
func (t *terminal) elsewhere(p admin.Plan) error {
	var err error
	title := func(text string) { err = errors.Join(err, t.printf("\n%s\n", t.bold(text))) }
	line := func(format string, args ...any) {
		err = errors.Join(err, t.paragraphs("  ", []field{{"", fmt.Sprintf(format, args...)}}))
	}
	if len(p.Addresses) > 0 {
		title("To be changed at the identity providers")
	}
	for _, a := range p.Addresses {
		err = errors.Join(err, t.printf("  %s: %s\n", a.Instance, whats[a.What]))
		if a.Before != "" {
			err = errors.Join(err, t.printf("    before  %s\n", a.Before))
		}
		if a.After != "" {
			err = errors.Join(err, t.printf("    after   %s\n", a.After))
		}
	}
	if len(p.MultiFactor) > 0 {
		title("More than one factor from then on")
		for _, label := range p.MultiFactor {
			line("%s: who comes from its identity provider without is refused", label)
		}
	}
	if len(p.Permissions) > 0 {
		title("Roles that permit something else")
		for _, one := range p.Permissions {
			line("%s%s%s", one.Role, prefixed(" +", one.Gains), prefixed(" -", one.Loses))
		}
	}
	const most = 20
	if len(p.Routes) > 0 {
		title("Routes")
		for _, r := range p.Routes[:min(most, len(p.Routes))] {
			at := strings.TrimSpace(r.Method + " " + r.Pattern)
			switch {
			case r.Before == "":
				line("%s of %s is new, and asks for %s", at, r.Upstream, r.After)
			case r.After == "":
				line("%s of %s is gone, and asked for %s", at, r.Upstream, r.Before)
			default:
				line("%s of %s asks for %s, in place of %s", at, r.Upstream, r.After, r.Before)
			}
		}
		if more := len(p.Routes) - most; more > 0 {
			line("and %d more, which --json has", more)
		}
	}
	for _, n := range []struct {
		what  string
		names admin.PlannedNames
	}{{"Connections", p.Connections}, {"Roles", p.Declarations}} {
		if len(n.names.Added)+len(n.names.Removed) > 0 {
			title(n.what)
			line("%s", strings.TrimSpace(prefixed(" +", n.names.Added)+prefixed(" -", n.names.Removed)))
		}
	}
	return err
}

func prefixed(before string, list []string) string {
	var b strings.Builder
	for _, one := range list {
		b.WriteString(before + one)
	}
	return b.String()
}
