package host

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/policy"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func title(kind string) string {
	if kind == policy.KindUser {
		return "User"
	}
	return "Client"
}

func (o *opened) change(kind, text string) {
	o.detail.Changes = append(o.detail.Changes, wire.DecisionChange{Kind: kind, Text: text})
}

// sentences say what was decided.
func (o *opened) sentences() []string {
	d := &o.detail
	verdict := fmt.Sprintf("was refused (%s)", d.Outcome)
	if d.Outcome == decided.Allowed {
		verdict = "was let through"
	}
	request := "A request"
	if d.Method != "" {
		request = "A " + d.Method + " request"
	}
	if d.Upstream != "" {
		request += fmt.Sprintf(" for upstream %q", d.Upstream)
	}
	who := "nobody who was known"
	if d.Kind != "" {
		who = fmt.Sprintf("%s %q", strings.ToLower(title(d.Kind)), d.Principal)
		if d.Organization != "" {
			who += fmt.Sprintf(" of organization %q", d.Organization)
		}
	}
	asked := ""
	if o.Way == decided.ForwardAuth {
		asked = ", as another proxy asked,"
	}
	list := []string{fmt.Sprintf("%s%s %s at %s, by revision %d: it came from %s.", request, asked, verdict, d.At.Format(time.RFC3339), d.Revision, who)}
	switch {
	case d.Upstream == "" && o.Upstream == decided.None:
		list = append(list, "No rule was asked: it could not be read, or no application is served under its host name.")
	case o.then == nil:
		list = append(list, "The revision is not in this database any more, so it cannot be said which rule that was.")
	default:
		list = append(list, routeSentence(d.Route, policy.Reason(d.Reason)))
	}
	return append(list, o.why()...)
}

// why says which of the things that a request needs it was that it lacked.
func (o *opened) why() []string {
	switch o.Reason {
	case policy.ReasonPermitted:
		if o.Outcome == string(problem.InsufficientAuthentication) || o.Outcome == string(problem.Forbidden) {
			return []string{"A role had the permission, and the sign-on was not as the route asks: " + signOnAsked(o.detail.Route) + "."}
		}
		return []string{"A role had the permission."}
	case policy.ReasonAuthenticated:
		if o.Outcome == string(problem.InsufficientAuthentication) || o.Outcome == string(problem.Forbidden) {
			return []string{"The sign-on was not as the route asks: " + signOnAsked(o.detail.Route) + "."}
		}
	case policy.ReasonPermissionMissing:
		return []string{"No role had the permission."}
	case policy.ReasonOwnerMissing:
		return []string{"A role had the permission, and no role of the user who owns the client."}
	case policy.ReasonScopeMissing:
		return []string{"A role had the permission, and the scopes of the credential did not cover it."}
	case policy.ReasonPublic, policy.ReasonNoRule:
	}
	if o.Reason != "" || o.Outcome == decided.Allowed {
		return nil
	}
	switch problem.Code(o.Outcome) { //nolint:exhaustive // the others say it all
	case problem.Unauthenticated:
		return []string{"There was no credential, or it did not verify."}
	case problem.Expired:
		return []string{"The credential was past its end."}
	case problem.Network:
		return []string{"The key may not be used from where the request came."}
	case problem.Throttled:
		return []string{"There were too many requests, or failed attempts."}
	}
	return nil
}

// revised says what has changed of the configuration.
func (o *opened) revised() []wire.DecisionChange {
	list := []wire.DecisionChange{}
	if o.Revision == o.now.revision {
		return list
	}
	list = append(list, wire.DecisionChange{Kind: "revision", Text: fmt.Sprintf("Revision %d of the configuration is in force; revision %d decided.", o.now.revision, o.Revision)})
	if o.detail.Route == nil {
		return list
	}
	add := func(format string, args ...any) {
		list = append(list, wire.DecisionChange{Kind: "route", Text: fmt.Sprintf(format, args...)})
	}
	i := o.routeNow()
	if i == decided.None {
		add("The route %q is not in the configuration any more.", o.detail.Route.Pattern)
		return list
	}
	before, now := *o.detail.Route, *routeOf(o.now.config, i)
	if before.Permission != now.Permission || before.Public != now.Public {
		add("The route %q is another: %s", now.Pattern, routeSentence(&now, ""))
	}
	if signOnAsked(&before) != signOnAsked(&now) {
		asked := signOnAsked(&now)
		if asked == "" {
			asked = "no particular sign-on"
		}
		add("The route %q asks for %s.", now.Pattern, asked)
	}
	return list
}

// compare says what has changed of the principal.
func (o *opened) compare(now *wire.Explanation) {
	if !now.Access {
		o.change("access", strings.Join(now.Sentences, " "))
	}
	var names, given []string
	for _, r := range now.Roles {
		if r.InForce {
			names = append(names, r.Name)
		}
		if r.Since.After(o.At) {
			given = append(given, fmt.Sprintf("%q (%s)", r.Name, r.Since.Format(time.RFC3339)))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if now.Access && decided.Hash(strings.Join(names, ",")) != o.Roles {
		has := "none"
		if len(names) > 0 {
			has = strings.Join(quotedAll(names), ", ")
		}
		o.change("roles", "Their roles are others than those that counted then. Now they are: "+has+".")
	}
	if len(given) > 0 {
		o.change("roles", "Given since then: "+strings.Join(given, ", ")+".")
	}
}

// answer compares the same question now with what was answered.
func (o *opened) answer(now *wire.Explanation) {
	r := now.Request
	if r == nil {
		return
	}
	switch was := o.Outcome == decided.Allowed; {
	case r.Allowed && !was && o.detail.Reason == r.Reason:
		o.change("answer", "The rule and the roles let it through, then as now: what else was in the way is said above.")
	case r.Allowed && !was:
		o.change("answer", "The same question is answered with yes now.")
	case !r.Allowed && was:
		o.change("answer", "The same question is answered with no now.")
	}
}

// keySentence says why a key cannot be used any more; "" is that it can.
func keySentence(k credential.Key, now time.Time) string {
	switch {
	case k.State == credential.Revoked:
		s := fmt.Sprintf("The key %s that was used was revoked at %s", k.ID, k.RevokedAt.UTC().Format(time.RFC3339))
		if k.RevokedReason != "" {
			s += fmt.Sprintf(" (%s)", k.RevokedReason)
		}
		return s + "."
	case !k.StoppedAt.IsZero():
		return fmt.Sprintf("The key %s that was used was stopped at %s: its owner left.", k.ID, k.StoppedAt.UTC().Format(time.RFC3339))
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return fmt.Sprintf("The key %s that was used ended at %s.", k.ID, k.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return ""
}
