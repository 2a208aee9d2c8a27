# Generated from the configuration: roles, and what is the same for all mappings.
package gatehouse

permissions_of := {
	"admin": ["*"],
	"analyst": ["query:execute", "policy:read"],
	"guest": [],
}

# What mappings give: those that stand under a fact that is true, where their
# condition is one that holds. Which facts are true is found out before.
grants contains grant if {
	some fact in input.facts
	some mapping in input.mappings[fact]
	input.facts[mapping.when]
	some grant in mapping.gives
}

# Roles that were given directly count as long as they are declared.
grants contains grant if {
	some grant in input.grants
	permissions_of[grant.role]
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

# The mappings of clients.
# They are evaluated with this as input.mappings, by the facts that are true.
#   mapping "everybody" at "roles.hcl:1"
#   mapping "roles" at "clients.hcl:3"
#   mapping "owned" at "roles.hcl:5"
#   when 1: (((client.organization == "acme") && (client.owner != "root")) || contains(client.scopes, "all"))
package gatehouse.clients

mappings := {
	"client my-tenant": [
		{"gives": [{"role": "analyst", "rule": "roles", "source": "mapping"}], "when": "everybody"},
	],
	"everybody": [
		{"gives": [{"role": "guest", "rule": "everybody", "source": "mapping"}], "when": "everybody"},
	],
	"when 1": [
		{"gives": [{"role": "admin", "rule": "owned", "source": "mapping"}, {"role": "analyst", "rule": "owned", "source": "mapping"}], "when": "when 1"},
	],
}
