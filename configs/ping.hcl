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

  # People sign on by OpenID Connect with this block: see docs/providers/ping.md. PingOne
  # sends what is mapped in the application, groups only if they are.
  # authenticator "oidc" {
  #   issuer        = "https://auth.pingone.eu/5b2c1f6e-8a3d-4f0b-9c7e-2d1a6b5c4e3f/as" # with your environment's id
  #   client_id     = "1f0c9a7e-3b5d-4c2f-8e6a-7d9b0c1e2f3a"
  #   client_secret = env("LINDEN_PING_SECRET")
  # }

  # Or by SAML: see docs/providers/ping.md.
  # authenticator "saml" {
  #   metadata_url = "https://auth.pingone.eu/5b2c1f6e-8a3d-4f0b-9c7e-2d1a6b5c4e3f/saml20/metadata/1f0c9a7e-3b5d-4c2f-8e6a-7d9b0c1e2f3a"
  # }

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
