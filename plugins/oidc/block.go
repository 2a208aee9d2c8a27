package oidc

import "github.com/gatehouse-id/gatehouse/sdk/schema"

// block is what an operator can say.
func block() schema.Schema {
	return schema.Schema{
		Attributes: append(clientAttributes(), claimAttributes()...),
		Blocks: []schema.Block{{
			Name: "universal_logout",
			Doc:  "Lets the provider end all sessions of a person at once, by Okta's Universal Logout: it posts a signed request to the address that the metadata names.",
			Schema: schema.Schema{Attributes: []schema.Attribute{
				{
					Name: "issuer", Type: schema.String, Example: `"https://acme.okta.com"`,
					Doc: "Who signs the requests. With Okta that is the address of the organization, also where `issuer` is that of a custom authorization server. It is the same as `issuer` unless set.",
				},
				{
					Name: "jwks_uri", Type: schema.String, Example: `"https://acme.okta.com/oauth2/v1/keys"`,
					Doc: "Where the keys are that the requests are signed with. They are those of the ID tokens unless set.",
				},
				{
					Name: "keys", Type: schema.Bool, Default: true, Example: "true",
					Doc: "Whether the API keys of the person stop too.",
				},
			}},
		}},
	}
}

// clientAttributes are about the client and its requests.
func clientAttributes() []schema.Attribute {
	return []schema.Attribute{
		{
			Name: "issuer", Type: schema.String, Required: true, Example: `"https://acme.okta.com"`,
			Doc: "The provider, letter for letter as it names itself: the address before `/.well-known/openid-configuration`.",
		},
		{
			Name: "client_id", Type: schema.String, Required: true, Example: `"0oa1b2c3d4"`,
			Doc: "What the provider knows this application by.",
		},
		{
			Name: "client_secret", Type: schema.String, Sensitive: true, Example: `env("ACME_OIDC_SECRET")`,
			Doc: "The secret that the provider has given. There is none with `private_key_jwt`.",
		},
		{
			Name: "token_auth", Type: schema.String, Default: authBasic, Example: `"private_key_jwt"`,
			Doc: "How the host proves to the provider that it is this application: `client_secret_basic`, `client_secret_post`, or `private_key_jwt` with a key of the host's, whose public half is served as a JWK Set where the connection's metadata is.",
		},
		{
			Name: "scopes", Type: schema.Strings, Example: `["openid", "profile", "email", "groups"]`,
			Doc: "What is asked for. Without it, what the provider usually has: openid, profile and email, and with OneLogin groups.",
		},
		{
			Name: "params", Type: schema.Map, Example: `{ domain_hint = "acme.example" }`,
			Doc: "More parameters of the request that sends a browser to the provider.",
		},
		{
			Name: "algorithms", Type: schema.Strings, Default: usualAlgorithms(), Example: `["RS256"]`,
			Doc: "By which algorithms a token may be signed. Of them those count that the provider says it uses.",
		},
		{
			Name: "audiences", Type: schema.Strings, Example: `["https://api.acme.example"]`,
			Doc: "Whom an ID token may be for beside this application. Without it, one that is for others too is refused.",
		},
		{
			Name: "clock_skew", Type: schema.Duration, Default: defaultSkew, Example: `"1m"`,
			Doc: "By how much the clocks of the provider and the host may differ, up to 5m.",
		},
		{
			Name: "userinfo", Type: schema.Bool, Default: false, Example: "true",
			Doc: "Whether the provider's userinfo endpoint is asked for the claims that the ID token has not.",
		},
		{
			Name: "refresh", Type: schema.Bool, Default: false, Example: "true",
			Doc: "Whether a refresh token is asked for, with which the provider can be asked whether a session is still good.",
		},
		{
			Name: "logout", Type: schema.Bool, Default: true, Example: "false",
			Doc: "Whether signing out here ends the session at the provider too, where it has an `end_session_endpoint`. The address to come back to has to be registered there.",
		},
		{
			Name: "frontchannel_logout", Type: schema.Bool, Default: true, Example: "false",
			Doc: "Whether sessions end by Front-Channel Logout: a page of the provider that opens an address here.",
		},
		{
			Name: "backchannel_logout", Type: schema.Bool, Default: true, Example: "false",
			Doc: "Whether sessions end by Back-Channel Logout: a signed message that the provider posts.",
		},
	}
}

// claimAttributes are about what the provider says of people.
func claimAttributes() []schema.Attribute {
	claim := func(name, what, usual string) schema.Attribute {
		return schema.Attribute{
			Name: name + "_claim", Type: schema.String, Example: `"` + usual + `"`,
			Doc: "The claim with " + what + ". Without it, the one that the provider usually has.",
		}
	}
	return []schema.Attribute{
		claim("groups", "the names or ids of groups", "groups"),
		claim("email", "the e-mail address", "email"),
		claim("user_name", "the user name, by which a user is found at the first sign-on", "preferred_username"),
		claim("display_name", "the name that is shown", "name"),
		claim("given_name", "the given name", "given_name"),
		claim("family_name", "the family name", "family_name"),
		{
			Name: "subject_claim", Type: schema.String, Example: `"oid"`,
			Doc: "The claim that a person is known by for ever. It is `sub`, and with Entra it can be `oid`, which is the same in all applications of the tenant. Changing it makes everybody somebody else.",
		},
		{
			Name: "all_groups", Type: schema.Bool, Default: false, Example: "true",
			Doc: "With Entra: whether Microsoft Graph is asked for the groups of a person who has more than fit into a token. It needs the delegated permission User.Read. Without it such a list takes no role away, and gives none.",
		},
		{
			Name: "mfa_acr_values", Type: schema.Strings, Example: `["c1"]`,
			Doc: "The values of `acr` (with Entra: of `acrs`) that say that more than one factor was used. They are asked for where more than one is demanded. Without it, those that the provider documents.",
		},
		{
			Name: "mfa_amr_values", Type: schema.Strings, Example: `["mfa", "hwk"]`,
			Doc: "The values of `amr` of which each says that more than one factor was used. Without it, `mfa`.",
		},
		{
			Name: "tenants", Type: schema.Strings, Example: `["72f988bf-86f1-41af-91ab-2d7cd011db47"]`,
			Doc: "With Entra: the ids of the tenants whose people may sign on. An issuer for many tenants needs it.",
		},
		{
			Name: "hosted_domain", Type: schema.String, Example: `"acme.example"`,
			Doc: "With Google: the Workspace domain that an account has to belong to. Google needs it, since everybody can have an account there.",
		},
	}
}
