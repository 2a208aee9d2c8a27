# An organization whose people come from Microsoft Entra ID. Copy this file into
# the folder of your configuration and edit it in two places.
# docs/providers/entra.md goes through the rest step by step.

# EDIT 1 of 2: the organization. Its label is its name for ever, and so is that
# of the connection.
organization "cedar" {
  name    = "Cedar Ltd."
  domains = ["cedar.example"]
}

connection "cedar-entra" {
  organization = "cedar"
  provider     = "entra"

  # What Entra ID does that you might not expect:
  # - It sends changes about every 40 minutes. "Provision on demand" sends one
  #   user at once.
  # - Who is unassigned, blocked or deleted is deactivated. The deletion itself
  #   comes 30 days later, or when somebody deletes the user for good.
  # - Of an assigned group its direct members come, and nobody of the groups
  #   within it.
  # - When it reactivates a user it does not send the memberships again. They
  #   were kept, and give their roles again.
  # - The flag aadOptscim062020 in the Tenant URL is not needed and does no harm:
  #   both forms of its requests are understood.
  provisioner "scim" {}

  # People sign on by OpenID Connect with this block. Entra sends no e-mail address
  # that it has verified, and beyond 200 groups none of them: both do no harm here,
  # see docs/providers/entra.md.
  # authenticator "oidc" {
  #   issuer        = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0" # with your tenant's id
  #   client_id     = "6731de76-14a6-49ae-97bc-6eba6914391e"
  #   client_secret = env("CEDAR_ENTRA_SECRET")
  #   logout        = false # true has Entra's session end too, and asks which account
  # }

  # Or by SAML, with the very application that has SCIM. Its certificate is its own:
  # the address of its metadata names it.
  # authenticator "saml" {
  #   metadata_url = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/federationmetadata/2007-06/federationmetadata.xml?appid=6731de76-14a6-49ae-97bc-6eba6914391e"
  # }

  # EDIT 2 of 2: your groups and your roles. All that stands in a mapping must
  # hold; a user has the roles of all mappings that do.
  mapping "administrators" {
    groups = ["Platform Admins"] # by the name, letter for letter
    # group_ids = ["8d6c1a52-7b0e-4c1f-9a53-0c2e5b7f4d10"] # or by the Object ID, which a renaming leaves
    roles = ["admin"]
  }

  mapping "analysts" {
    when  = user.department == "Analytics"
    roles = ["analyst"]
  }
}
