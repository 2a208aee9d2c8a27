# An organization whose people come from PingOne or PingFederate. Copy this file
# into the folder of your configuration and edit it in two places.
# docs/providers/ping.md goes through the rest step by step.

# EDIT 1 of 2: the organization. Its label is its name for ever, and so is that
# of the connection.
organization "linden" {
  name    = "Linden Ltd."
  domains = ["linden.example"]
}

connection "linden-ping" {
  organization = "linden"
  provider     = "ping"

  # Choose SCIM 2.0 there: 1.1 is not spoken here. What was set once is not
  # cleared by Ping: a department that is emptied there stays here. PingFederate
  # does not say its own id of a group: go by "groups", not by "group_ids".
  provisioner "scim" {}

  # EDIT 2 of 2: your groups and your roles. All that stands in a mapping must
  # hold; a user has the roles of all mappings that do.
  mapping "administrators" {
    groups = ["Platform Admins"] # by the name, letter for letter
    roles  = ["admin"]
  }

  mapping "analysts" {
    when  = user.department == "Analytics"
    roles = ["analyst"]
  }
}
