package host

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/policy"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// requestSentences say whether somebody may make a request, and why.
func requestSentences(about *wire.Explanation, st *access.Standing, a wire.RequestAnswer) []string {
	verb := "may not"
	if a.Allowed {
		verb = "may"
	}
	list := []string{fmt.Sprintf("%s %s call %s %s of upstream %q.", named(about), verb, a.Method, a.Path, a.Upstream)}
	list = append(list, routeSentence(a.Route, policy.Reason(a.Reason)))
	list = append(list, verdictSentences(st, a)...)
	for _, r := range about.Roles {
		if slices.Contains(a.By, r.Name) {
			list = append(list, r.Sentence)
		}
	}
	if a.Route == nil || st.Refused != nil && !a.Route.Public {
		return list
	}
	return append(list, signOnSentences(about, a)...)
}

// routeSentence says what stands at a path.
func routeSentence(r *wire.RouteRule, reason policy.Reason) string {
	switch {
	case r == nil && reason == policy.ReasonNoRule:
		return `No route stands there, and the upstream is closed where none does (default = "deny").`
	case r == nil:
		return "No route stands there, so everybody may who has a credential."
	}
	s := fmt.Sprintf("The route %q at %s", r.Pattern, r.Where)
	switch {
	case r.Public:
		return s + " is open to everybody, also without a credential."
	case r.Permission == "":
		return s + " is open to everybody who has a credential."
	}
	return s + fmt.Sprintf(" asks for the permission %q.", r.Permission)
}

func verdictSentences(st *access.Standing, a wire.RequestAnswer) (list []string) {
	by := strings.Join(quotedAll(a.By), ", ")
	switch policy.Reason(a.Reason) {
	case policy.ReasonPermitted:
		return []string{"It comes with " + by + "."}
	case policy.ReasonPermissionMissing:
		list = append(list, "None of their roles has it.")
		if len(a.Could) == 0 {
			return append(list, "No role that is declared has it.")
		}
		s := "These have it: " + strings.Join(quotedAll(a.Could), ", ")
		if a.More > 0 {
			s += fmt.Sprintf(" and %d more", a.More)
		}
		return append(list, s+".")
	case policy.ReasonOwnerMissing:
		return []string{fmt.Sprintf("It comes with %s, but no role of the user who owns the client has it, and a client does no more than its owner may.", by)}
	case policy.ReasonScopeMissing:
		return []string{fmt.Sprintf("It comes with %s, but the scopes of the client (%s) do not cover it.", by, strings.Join(st.Scopes, ", "))}
	case policy.ReasonPublic, policy.ReasonAuthenticated, policy.ReasonNoRule:
	}
	return nil
}

// signOnSentences say how people must have signed on.
func signOnSentences(about *wire.Explanation, a wire.RequestAnswer) []string {
	asked := signOnAsked(a.Route)
	switch {
	case asked == "":
		return nil
	case about.Kind == policy.KindClient:
		return []string{"It also asks for " + asked + ", so it is for people only: no client may."}
	}
	return []string{"It also asks for " + asked + ": who has not signed on so is sent to do that."}
}

func signOnAsked(r *wire.RouteRule) string {
	if r == nil {
		return ""
	}
	var parts []string
	if r.MultiFactor {
		parts = append(parts, "a sign-on with more than one factor (mfa)")
	}
	if r.MaxAge > 0 {
		parts = append(parts, "a sign-on at most "+time.Duration(r.MaxAge).String()+" ago (max_age)")
	}
	return strings.Join(parts, " and ")
}

func quotedAll(list []string) (quoted []string) {
	for _, s := range list {
		quoted = append(quoted, fmt.Sprintf("%q", s))
	}
	return quoted
}
