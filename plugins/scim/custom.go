package scim

import "github.com/gatehouse-id/gatehouse/sdk/schema"

// extensionSettings declare a schema extension (RFC 7643 §3.3).
type extensionSettings struct {
	URN         string              `json:"urn"`
	Name        string              `json:"name"`
	Description string              `json:"description"`
	Of          string              `json:"resource_type"`
	Attributes  []attributeSettings `json:"attribute"`
}

// typeSettings declare a resource type of the connection's own (RFC 7643 §6).
type typeSettings struct {
	Name        string              `json:"name"`
	Endpoint    string              `json:"endpoint"`
	URN         string              `json:"urn"`
	Description string              `json:"description"`
	Attributes  []attributeSettings `json:"attribute"`
}

type attributeSettings struct {
	Name            string              `json:"name"`
	Type            string              `json:"type"`
	Description     string              `json:"description"`
	MultiValued     bool                `json:"multi_valued"`
	Required        bool                `json:"required"`
	CaseExact       bool                `json:"case_exact"`
	Mutability      string              `json:"mutability"`
	Returned        string              `json:"returned"`
	CanonicalValues []string            `json:"canonical_values"`
	ReferenceTypes  []string            `json:"reference_types"`
	Sub             []attributeSettings `json:"sub_attribute"`
}

func extensionBlock() schema.Block {
	return schema.Block{
		Name: "extension", Repeated: true,
		Doc: "Attributes of the organization's own for users, groups or another resource type (RFC 7643, section 3.3).",
		Schema: schema.Schema{
			Attributes: []schema.Attribute{
				{
					Name: "urn", Type: schema.String, Required: true, Example: `"urn:example:params:scim:schemas:extension:acme:2.0:User"`,
					Doc: "The URN of the extension, as the identity provider has it.",
				},
				{Name: "name", Type: schema.String, Example: `"Acme User"`, Doc: "The name that /Schemas shows. It is the last part of the URN unless set."},
				{Name: "description", Type: schema.String, Example: `"What payroll knows of a person"`, Doc: "The description that /Schemas shows."},
				{Name: "resource_type", Type: schema.String, Default: "User", Example: `"Group"`, Doc: "The resource type that is extended."},
			},
			Blocks: []schema.Block{attributeBlock("attribute", true)},
		},
	}
}

func typeBlock() schema.Block {
	return schema.Block{
		Name: "resource_type", Repeated: true,
		Doc: "Resources of the organization's own beside users and groups, such as Okta's entitlements (RFC 7643, section 6). " +
			"They are kept and can be searched; roles do not depend on them.",
		Schema: schema.Schema{
			Attributes: []schema.Attribute{
				{Name: "name", Type: schema.String, Required: true, Example: `"Entitlement"`, Doc: "The name: letters and digits, a letter first."},
				{Name: "endpoint", Type: schema.String, Required: true, Example: `"/Entitlements"`, Doc: "The path below the base URL: a slash, then letters and digits."},
				{
					Name: "urn", Type: schema.String, Required: true, Example: `"urn:okta:scim:schemas:core:1.0:Entitlement"`,
					Doc: "The URN of the schema.",
				},
				{Name: "description", Type: schema.String, Example: `"What an application lets a person do"`, Doc: "The description that /ResourceTypes shows."},
			},
			Blocks: []schema.Block{attributeBlock("attribute", true)},
		},
	}
}

func attributeBlock(name string, outer bool) schema.Block {
	b := schema.Block{
		Name: name, Repeated: true,
		Doc: "One attribute of a schema (RFC 7643, section 7).",
		Schema: schema.Schema{Attributes: []schema.Attribute{
			{Name: "name", Type: schema.String, Required: true, Example: `"costCenter"`, Doc: "The name: a letter, then letters, digits, - and _."},
			{
				Name: "type", Type: schema.String, Default: "string", Example: `"boolean"`,
				Doc: "One of string, boolean, decimal, integer, dateTime, binary, reference and complex.",
			},
			{Name: "description", Type: schema.String, Example: `"Who pays for this person"`, Doc: "The description that /Schemas shows."},
			{Name: "multi_valued", Type: schema.Bool, Default: false, Example: "true", Doc: "Whether it has a list of values."},
			{Name: "required", Type: schema.Bool, Default: false, Example: "true", Doc: "Whether a resource must have it."},
			{Name: "case_exact", Type: schema.Bool, Default: false, Example: "true", Doc: "Whether the case of letters counts in filters."},
			{
				Name: "mutability", Type: schema.String, Default: "readWrite", Example: `"immutable"`,
				Doc: "One of readWrite, immutable (set once) and writeOnly.",
			},
			{
				Name: "returned", Type: schema.String, Default: "default", Example: `"request"`,
				Doc: "One of always, default, request (only to who names it) and never.",
			},
			{Name: "canonical_values", Type: schema.Strings, Example: `["gold", "silver"]`, Doc: "The values that are suggested."},
			{Name: "reference_types", Type: schema.Strings, Example: `["User"]`, Doc: "What a reference may lead to."},
		}},
	}
	if !outer {
		b.Doc = "One sub-attribute of a complex attribute."
		b.Name = "sub_attribute"
		return b
	}
	b.Blocks = []schema.Block{attributeBlock("sub_attribute", false)}
	return b
}
