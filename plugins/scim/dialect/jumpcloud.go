package dialect

// jumpCloud: PATCH in the shapes of Entra without its flag, members removed by
// a list of values (jumpcloud.com, custom SCIM identity management).
func jumpCloud() []Quirk {
	return []Quirk{CreateElement, BareManager, WrappedScalars, FlatKeys, BareElements, SingleForMany}
}
