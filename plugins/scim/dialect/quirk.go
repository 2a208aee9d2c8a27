package dialect

// Quirk is one way in which requests depart from the RFC.
type Quirk uint8

// The quirks. Rules N1 to N14 put up with them, one implementation each.
const (
	MissingSchemas    Quirk = iota // N2
	UnknownSchemas                 // N2
	AliasedURN                     // N2
	FlatKeys                       // N2, N9
	UnknownAttributes              // N3
	ReadOnlyInPatch                // N3
	NullInPatch                    // N4
	EmptyStrings                   // N4
	TextBooleans                   // N5
	TextNumbers                    // N5
	WrappedScalars                 // N5
	BareManager                    // N5
	SingleForMany                  // N5
	BareElements                   // N5
	LooseValues                    // N5
	ManyPrimaries                  // N6
	EmptyElements                  // N6
	RepeatedElements               // N6
	CapitalOps                     // N7
	Unqualified                    // N8
	CreateElement                  // N10
	RemoveAbsent                   // N10
	RemoveValues                   // N11
	UnquotedOperand                // N13
	EncodedOperand                 // N13
	ComplexOperand                 // N13
	SingularEmail                  // N13
	ValuePathCompare               // N13
	UnknownMembers                 // D-2
	PutKeeps                       // D-3
	quirkCount
)

// Rule is what is to be known of a quirk.
type Rule struct {
	Name   string // as a configuration, a note and a metric say it
	Shape  string // what is sent
	Read   string // what is understood
	Strict string // what RFC 7643 and 7644 say to it
	Source string // who sends it, and where that is written
}

// String is the quirk's name.
func (q Quirk) String() string { return q.Rule().Name }

// Rule describes the quirk.
func (q Quirk) Rule() Rule {
	if q >= quirkCount {
		return Rule{Name: "unknown"}
	}
	return rules[q]
}

var rules = [quirkCount]Rule{
	MissingSchemas: {
		Name: "missing-schemas", Shape: "a body without schemas", Read: "as if it named the schema of its place",
		Strict: "400 invalidSyntax", Source: "scripts; tolerated by ssoready internal/scimpatch",
	},
	UnknownSchemas: {
		Name: "unknown-schemas", Shape: "URNs in schemas that are not known", Read: "without them",
		Strict: "400 invalidSyntax", Source: "Entra: groups name Microsoft's own ADSCIM/2.0/Group (learn.microsoft.com, use-scim-to-provision-users-and-groups)",
	},
	AliasedURN: {
		Name: "aliased-urn", Shape: "urn:scim:schemas:core:2.0 and others that end alike, for the core or the enterprise extension", Read: "as the schema that is meant",
		Strict: "400 invalidSyntax", Source: "OneLogin's templates (github.com/goauthentik/authentik/issues/11249)",
	},
	FlatKeys: {
		Name: "flat-keys", Shape: `"name.givenName" or "URN:department" as a key of a value`, Read: "as a path",
		Strict: "400 invalidPath", Source: "Entra with aadOptscim062020 (learn.microsoft.com, application-provisioning-config-problem-scim-compatibility)",
	},
	UnknownAttributes: {
		Name: "unknown-attributes", Shape: "attributes that no schema of the resource has", Read: "without them",
		Strict: "400 invalidSyntax, in a path invalidPath", Source: "Entra's mappings (github.com/pranems/SCIMServer)",
	},
	ReadOnlyInPatch: {
		Name: "read-only-in-patch", Shape: "id, meta, schemas or groups in the value of a PATCH", Read: "without them",
		Strict: "400 mutability", Source: "Okta renames a group with its id (developer.okta.com, SCIM 2.0 reference)",
	},
	NullInPatch: {
		Name: "null-in-patch", Shape: "null as the value of an operation", Read: "as unassigning (RFC 7643 §2.5)",
		Strict: "400 invalidValue", Source: "Entra (github.com/pranems/SCIMServer, PATCH_NULL_HANDLING_RFC_COMPLIANCE)",
	},
	EmptyStrings: {
		Name: "empty-strings", Shape: `"" as a value`, Read: "as unassigned",
		Strict: "an empty text", Source: "Okta's PUT (developer.okta.com, SCIM 2.0 reference); OneLogin's macros",
	},
	TextBooleans: {
		Name: "text-booleans", Shape: `"True" and "False" for a boolean, also in filters`, Read: "as true and false",
		Strict: "400 invalidValue or invalidFilter", Source: "Entra without aadOptscim062020 (learn.microsoft.com, application-provisioning-config-problem-scim-compatibility); Keycloak's SCIM client",
	},
	TextNumbers: {
		Name: "text-numbers", Shape: `"7" for a number`, Read: "as the number",
		Strict: "400 invalidValue or invalidFilter", Source: "Entra, whose expressions make texts (learn.microsoft.com, functions-for-customizing-application-data)",
	},
	WrappedScalars: {
		Name: "wrapped-scalars", Shape: `[{"value":"x"}] for a simple value`, Read: "as the value within",
		Strict: "400 invalidValue", Source: "Entra's old jobs (github.com/MicrosoftDocs/azure-docs/issues/42220)",
	},
	BareManager: {
		Name: "bare-manager", Shape: `"id" or [{"value":"id"}] for a complex attribute such as manager`, Read: `as {"value":"id"}; "" as unassigned`,
		Strict: "400 invalidValue", Source: "Entra (learn.microsoft.com, use-scim-to-provision-users-and-groups)",
	},
	SingleForMany: {
		Name: "single-for-many", Shape: "one value where there are several", Read: "as a list of one",
		Strict: "400 invalidValue", Source: "scripts; github.com/elimity-com/scim takes it and then fails",
	},
	BareElements: {
		Name: "bare-elements", Shape: `["u1"] for [{"value":"u1"}]`, Read: `as [{"value":"u1"}]`,
		Strict: "400 invalidValue", Source: "indigo-iam (github.com/indigo-iam/iam/issues/934); Microsoft's Postman collection",
	},
	LooseValues: {
		Name: "loose-values", Shape: "a reference that is no URI, a binary that is not base64", Read: "as it is",
		Strict: "400 invalidValue", Source: "certificates and profile pages that administrators map from free text",
	},
	ManyPrimaries: {
		Name: "many-primaries", Shape: "several elements that are primary", Read: "the first is",
		Strict: "400 invalidValue", Source: "PingOne (docs.pingidentity.com, p1_scim_provisioning_limitations)",
	},
	EmptyElements: {
		Name: "empty-elements", Shape: "elements with nothing but a type", Read: "without them",
		Strict: "as they are", Source: "PingOne; OneLogin's macros",
	},
	RepeatedElements: {
		Name: "repeated-elements", Shape: "two elements of one type and value", Read: "as the first of them",
		Strict: "400 invalidValue", Source: "PingOne (docs.pingidentity.com, p1_scim_provisioning_limitations)",
	},
	CapitalOps: {
		Name: "capital-ops", Shape: "Add, Replace, Remove", Read: "as add, replace, remove",
		Strict: "400 invalidSyntax", Source: "Entra without aadOptscim062020 (learn.microsoft.com, application-provisioning-config-problem-scim-compatibility)",
	},
	Unqualified: {
		Name: "unqualified", Shape: "manager or department without the extension's URN", Read: "as the extension's, if only one has it",
		Strict: "400 invalidPath or invalidFilter", Source: "Entra asks whether a user has a manager so (learn.microsoft.com, use-scim-to-provision-users-and-groups)",
	},
	CreateElement: {
		Name: "create-element", Shape: `emails[type eq "work"].value where there is none`, Read: "as a new element of that type",
		Strict: "400 noTarget", Source: "Entra (learn.microsoft.com, use-scim-to-provision-users-and-groups)",
	},
	RemoveAbsent: {
		Name: "remove-absent", Shape: `remove of members[value eq "u1"] where there is none`, Read: "as done",
		Strict: "400 noTarget", Source: "Okta and Entra repeat what timed out (developer.okta.com, SCIM 2.0 reference)",
	},
	RemoveValues: {
		Name: "remove-values", Shape: "remove of members with a list of values", Read: "as removing those",
		Strict: "removes all members (RFC 7644 §3.5.2.2)", Source: "Entra without aadOptscim062020; JumpCloud (github.com/AzureAD/SCIMReferenceCode/issues/10)",
	},
	UnquotedOperand: {
		Name: "unquoted-operand", Shape: "externalId eq ida, members[value eq u1]", Read: "as a text",
		Strict: "400 invalidFilter", Source: "Microsoft's validator and samples (learn.microsoft.com, use-scim-to-provision-users-and-groups); SimpleIdServer's users",
	},
	EncodedOperand: {
		Name: "encoded-operand", Shape: "percent escapes within the texts of a filter that finds nothing", Read: "decoded once more",
		Strict: "as they are", Source: "Microsoft's validator encodes twice (github.com/ssoready/ssoready, internal/scim)",
	},
	ComplexOperand: {
		Name: "complex-operand", Shape: `manager eq "u1"`, Read: `as manager.value eq "u1"`,
		Strict: "400 invalidFilter", Source: "Entra (learn.microsoft.com, use-scim-to-provision-users-and-groups)",
	},
	SingularEmail: {
		Name: "singular-email", Shape: `email eq "a@x"`, Read: `as emails.value eq "a@x"`,
		Strict: "400 invalidFilter", Source: "github.com/ssoready/ssoready/pull/266; Okta's unique identifier field",
	},
	ValuePathCompare: {
		Name: "value-path-compare", Shape: `emails[type eq "work"].value eq "a@x"`, Read: "as one filter over each element",
		Strict: "400 invalidFilter", Source: "github.com/elimity-com/scim/issues/150",
	},
	UnknownMembers: {
		Name: "unknown-members", Shape: "members that the connection has no user or group of", Read: "without them",
		Strict: "400 invalidValue", Source: "Entra repeats the whole PATCH for ever (learn.microsoft.com, how-provisioning-works)",
	},
	PutKeeps: {
		Name: "put-keeps", Shape: "PUT without active, externalId or members", Read: "as leaving them as they are",
		Strict: "they have their defaults, and no members", Source: "OneLogin's templates; github.com/bitwarden/server/issues/2919",
	},
}
