package dialect

// okta: full PUTs with empty texts, groups renamed with their id in the value,
// a look-up by whatever attribute the administrator has named, e-mail among
// them (developer.okta.com, SCIM 2.0 reference). Its custom applications send
// PUT for everything; those of its catalogue PATCH.
func okta() []Quirk { return []Quirk{SingularEmail, ComplexOperand, Unqualified} }
