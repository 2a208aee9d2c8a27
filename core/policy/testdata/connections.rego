# Generated from the configuration: roles, and what is the same for all mappings.
package gatehouse

permissions_of := {
	"admin": ["*"],
	"analyst": ["query:execute"],
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
#   mapping "every client" at "roles.hcl:1"
package gatehouse.clients

mappings := {
	"everybody": [
		{"gives": [{"role": "admin", "rule": "every client", "source": "mapping"}], "when": "everybody"},
	],
}

# The mappings of a connection.
# They are evaluated with this as input.mappings, by the facts that are true.
#   mapping "admins" at "acme.hcl:3"
#   mapping "analytics" at "acme.hcl:9"
#   mapping "guests" at "acme.hcl:1"
#   when 1: ((user.department == "Analytics") && !endswith(user.email, "@partner.example"))
package gatehouse.connections["acme"]

mappings := {
	"everybody": [
		{"gives": [{"role": "guest", "rule": "acme/guests", "source": "mapping"}], "when": "everybody"},
	],
	"group Admins": [
		{"gives": [{"role": "admin", "rule": "acme/admins", "source": "mapping"}], "when": "everybody"},
	],
	"group Data": [
		{"gives": [{"role": "analyst", "rule": "acme/analytics", "source": "mapping"}, {"role": "guest", "rule": "acme/analytics", "source": "mapping"}], "when": "when 1"},
	],
	"group Root": [
		{"gives": [{"role": "admin", "rule": "acme/admins", "source": "mapping"}], "when": "everybody"},
	],
	"group_id g1": [
		{"gives": [{"role": "admin", "rule": "acme/admins", "source": "mapping"}], "when": "everybody"},
	],
}

# The mappings of a connection.
# They are evaluated with this as input.mappings, by the facts that are true.
#   mapping "guests" at "globex.hcl:1"
#   when 1: contains(user.groups, "Data")
package gatehouse.connections["globex"]

mappings := {
	"when 1": [
		{"gives": [{"role": "analyst", "rule": "globex/guests", "source": "mapping"}], "when": "when 1"},
	],
}
