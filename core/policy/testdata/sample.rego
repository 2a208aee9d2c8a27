# Generated from the configuration: roles, and the mappings of clients.
package gatehouse

permissions_of := {
	"admin": ["*"],
	"analyst": ["query:execute", "policy:read"],
	"guest": [],
}

# Roles that were given directly count as long as they are declared.
grants contains grant if {
	some grant in input.grants
	permissions_of[grant.role]
}

# mapping "everybody" at "roles.hcl:1"
grants contains {"role": "guest", "rule": "everybody", "source": "mapping"} if {
	input.client
}

# mapping "roles" at "clients.hcl:3"
grants contains {"role": "analyst", "rule": "roles", "source": "mapping"} if {
	"my-tenant" == input.client.id
}

# mapping "owned" at "roles.hcl:5"
grants contains {"role": role, "rule": "owned", "source": "mapping"} if {
	"acme" == input.client.organization
	"root" != input.client.owner
	input.client.scopes != null
	some role in ["admin", "analyst"]
}

# mapping "owned" at "roles.hcl:5"
grants contains {"role": role, "rule": "owned", "source": "mapping"} if {
	"all" in input.client.scopes
	input.client.organization != null
	input.client.owner != null
	some role in ["admin", "analyst"]
}

# What is asked for is held if one of the patterns that cover it is.
held if input.covering & input.permissions != set()

# The client of a user does no more than the user may.
in_bounds if input.bounds == null

in_bounds if input.covering & input.bounds != set()

# Scopes take away, they never give. No scopes take nothing away.
in_scope if input.scopes == set()

in_scope if input.covering & input.scopes != set()

# What a rule asks for chooses the answer; without a better one it is no.
default decision := "permission_missing"

decision := "no_rule" if "nobody" == input.asks

decision := "public" if "nothing" == input.asks

decision := "authenticated" if "authentication" == input.asks

decision := "permitted" if {
	"permission" == input.asks
	held
	in_bounds
	in_scope
}

decision := "owner_missing" if {
	"permission" == input.asks
	held
	not in_bounds
}

decision := "scope_missing" if {
	"permission" == input.asks
	held
	in_bounds
	not in_scope
}
