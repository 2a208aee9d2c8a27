# An organization whose people come from JumpCloud. Copy this file into the folder
# of your configuration and edit it in two places. docs/providers/jumpcloud.md
# goes through the rest step by step.

# EDIT 1 of 2: the organization. Its label is its name for ever, and so is that
# of the connection.
organization "rowan" {
  name    = "Rowan Ltd."
  domains = ["rowan.example"]
}

connection "rowan-jumpcloud" {
  organization = "rowan"
  provider     = "jumpcloud"

  # "Test Connection" makes a user and a group here and deletes both. A user
  # group that is taken from the application deactivates all its people who are
  # in no other group of it: the brake may then ask you.
  provisioner "scim" {}

  # People sign on by OpenID Connect with this block: see docs/providers/jumpcloud.md.
  # The issuer is the same for everybody: the client ID says whose people they are.
  # authenticator "oidc" {
  #   issuer        = "https://oauth.id.jumpcloud.com/" # with the slash
  #   client_id     = "3f6c1f0a-9b7e-4d52-8a41-5c0e7d2b9a86"
  #   client_secret = env("ROWAN_JUMPCLOUD_SECRET")
  # }

  # Or by SAML. JumpCloud replaces key and certificate at once: while you regenerate it,
  # have the new one beside, with certificates = [file("jumpcloud-next.pem")].
  # authenticator "saml" {
  #   metadata_url = "https://sso.jumpcloud.com/saml2/metadata/3f6c1f0a9b7e4d528a415c0e"
  # }

  # EDIT 2 of 2: your groups and your roles. All that stands in a mapping must
  # hold; a user has the roles of all mappings that do.
  mapping "administrators" {
    groups = ["Platform Admins"] # by the name, letter for letter
    roles  = ["admin"]
  }

  # The department has to be among the attributes that JumpCloud sends:
  # "gatehouse users show --json" tells whether it is.
  mapping "analysts" {
    when  = user.department == "Analytics"
    roles = ["analyst"]
  }
}
