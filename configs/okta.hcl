# An organization whose people come from Okta. Copy this file into the folder of
# your configuration and edit it in two places. docs/providers/okta.md goes
# through the rest step by step.

# EDIT 1 of 2: the organization. Its label is its name for ever, and so is that
# of the connection; Okta takes no "_" in an address, and labels have none.
organization "birch" {
  name    = "Birch Ltd."
  domains = ["birch.example"]
}

connection "birch-okta" {
  organization = "birch"
  provider     = "okta"

  # What Okta does that you might not expect:
  # - It never deletes a user. Who leaves is deactivated and stays in the list.
  # - An application made by its wizard sends a user or a group whole each time.
  #   What is emptied there is emptied here.
  # - Assigning a group to the application sends its people, not the group. Groups
  #   come by "Push Groups", with members who are assigned to the application too.
  # - It does not say its own id of a group: go by "groups", not by "group_ids".
  #   After renaming a group there, write the new name here.
  # - It sends a random password with each new user, which is dropped.
  provisioner "scim" {}

  # People sign on by OpenID Connect with this block. Okta makes an application for
  # it beside the one for SCIM: see docs/providers/okta.md. A claim of groups is cut
  # at 100 there, and then takes no role away: let "Push Groups" send them.
  # authenticator "oidc" {
  #   issuer        = "https://birch.okta.com" # or that of a custom authorization server
  #   client_id     = "0oa1b2c3d4e5f6g7h8"
  #   client_secret = env("BIRCH_OKTA_SECRET")
  # }

  # Or by SAML, with the very application that has SCIM.
  # authenticator "saml" {
  #   metadata_url = "https://birch.okta.com/app/exk1a2b3c4d5e6f7g8h9/sso/saml/metadata"
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

  # Somebody of yours and the roles that they must have. A configuration with a test
  # that fails is not taken, so a mapping is not changed by mistake.
  test "an administrator who analyses" {
    user  = { department = "Analytics", groups = ["Platform Admins"] }
    roles = ["admin", "analyst"]
  }

  test "somebody from sales" {
    user  = { department = "Sales", groups = ["Everyone"] }
    roles = []
  }
}
