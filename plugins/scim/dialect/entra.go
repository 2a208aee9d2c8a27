package dialect

// entra: Microsoft Entra ID, with the flag aadOptscim062020 and without, since
// one tenant sends both (learn.microsoft.com,
// application-provisioning-config-problem-scim-compatibility). Elements that
// are not there yet are written to by a filter; values come in wrappings that
// depend on the age of the job.
func entra() []Quirk {
	return []Quirk{
		FlatKeys, TextNumbers, WrappedScalars, BareManager, SingleForMany, BareElements, Unqualified, CreateElement,
		UnquotedOperand, EncodedOperand, ComplexOperand, AliasedURN,
	}
}
