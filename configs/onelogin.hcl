# An organization whose people come from OneLogin. Copy this file into the folder
# of your configuration and edit it in two places. docs/providers/onelogin.md
# goes through the rest step by step.

# EDIT 1 of 2: the organization. Its label is its name for ever, and so is that
# of the connection.
organization "hazel" {
  name    = "Hazel Ltd."
  domains = ["hazel.example"]
}

connection "hazel-onelogin" {
  organization = "hazel"
  provider     = "onelogin"

  # A user is what the application's SCIM JSON Template makes of them: the
  # department below is there only if the template has it. Groups are made by a
  # rule of the application, in most cases one for each OneLogin role.
  provisioner "scim" {}

  # People sign on by OpenID Connect with this block, of an application beside the one
  # for SCIM: see docs/providers/onelogin.md. Its sign-out ends the sessions of all
  # applications there: so it is off.
  # authenticator "oidc" {
  #   issuer          = "https://hazel.onelogin.com/oidc/2"
  #   client_id       = "78d1d040-20c9-0136-5146-067351775fae92920"
  #   client_secret   = env("HAZEL_ONELOGIN_SECRET")
  #   user_name_claim = "email" # what SCIM sends as userName, if that is the address
  #   logout          = false
  # }

  # Or by SAML, with the very application that has SCIM. Set its algorithm to SHA-256:
  # signatures with SHA-1 are refused.
  # authenticator "saml" {
  #   metadata_url = "https://app.onelogin.com/saml/metadata/7d9b0c1e-2f3a-4c2f-8e6a-1f0c9a7e3b5d"
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
