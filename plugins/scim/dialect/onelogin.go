package dialect

// oneLogin: a template that an administrator edits, with macros that come out
// empty, and URNs that were never SCIM's
// (github.com/goauthentik/authentik/issues/11249).
func oneLogin() []Quirk {
	return []Quirk{AliasedURN, BareManager, TextNumbers, SingleForMany, WrappedScalars}
}
