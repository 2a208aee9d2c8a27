# Generated from the configuration: roles, and the mappings of clients.
package gatehouse

permissions_of := {
	"admin": ["*"],
	"analyst": ["query:execute"],
	"guest": [],
}

# Roles that were given directly count as long as they are declared.
grants contains grant if {
	some grant in input.grants
	permissions_of[grant.role]
}

# mapping "every client" at "roles.hcl:1"
grants contains {"role": "admin", "rule": "every client", "source": "mapping"} if {
	input.client
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

# The mappings of a connection.
package gatehouse.connections.acme

# mapping "admins" at "acme.hcl:3"
grants contains {"group": "Admins", "role": "admin", "rule": "acme/admins"} if {
	"Admins" in input.user.groups
}

# mapping "admins" at "acme.hcl:3"
grants contains {"group": "Root", "role": "admin", "rule": "acme/admins"} if {
	"Root" in input.user.groups
}

# mapping "admins" at "acme.hcl:3"
grants contains {"group_id": "g1", "role": "admin", "rule": "acme/admins"} if {
	"g1" in input.user.group_ids
}

# mapping "analytics" at "acme.hcl:9"
grants contains {"group": "Data", "role": role, "rule": "acme/analytics"} if {
	"Data" in input.user.groups
	"Analytics" == input.user.department
	input.user.email != null
	not endswith(input.user.email, "@partner.example")
	some role in ["analyst", "guest"]
}

# mapping "guests" at "acme.hcl:1"
grants contains {"role": "guest", "rule": "acme/guests"}

# The mappings of a connection.
package gatehouse.connections.globex

# mapping "guests" at "globex.hcl:1"
grants contains {"role": "analyst", "rule": "globex/guests"} if {
	"Data" in input.user.groups
}
