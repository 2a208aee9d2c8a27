# An organization whose people come from Google Workspace. Copy this file into the
# folder of your configuration and edit it in two places. docs/providers/google.md
# goes through the rest step by step.

# EDIT 1 of 2: the organization, and below who asks Google in its name. Its label
# is its name for ever, and so is that of the connection.
organization "maple" {
  name    = "Maple Inc."
  domains = ["maple.example"]
}

connection "maple-google" {
  organization = "maple"
  provider     = "google"
  pull_every   = "15m" # Google does not say when somebody leaves: it is asked

  provisioner "google" {
    # The key of the service account, as the Google Cloud console gives it: below a
    # folder that file_roots in the server block names. The subject is an
    # administrator who may read users and groups.
    credentials = file("/etc/gatehouse/secrets/maple-google.json")
    subject     = "directory-reader@maple.example"

    # Groups are taken over with their members. Without this line, all are.
    groups = ["platform-admins@maple.example"]
  }

  # People sign on by OpenID Connect with this block: see docs/providers/google.md.
  # Everybody can have an account with Google: only those of your domain count.
  # authenticator "oidc" {
  #   issuer        = "https://accounts.google.com"
  #   client_id     = "1234567890-abc123.apps.googleusercontent.com"
  #   client_secret = env("MAPLE_GOOGLE_SECRET")
  #   hosted_domain = "maple.example"
  # }

  # Or by SAML. Google has no address for its metadata: download the file, and have
  # it beside this one.
  # authenticator "saml" {
  #   metadata = file("google-idp.xml")
  # }

  # EDIT 2 of 2: your groups and your roles. All that stands in a mapping must
  # hold; a user has the roles of all mappings that do.
  mapping "administrators" {
    groups = ["Platform Admins"] # by the name, letter for letter
    roles  = ["admin"]
  }

  # The department is that of the user's information in the Admin console.
  mapping "analysts" {
    when  = user.department == "Analytics"
    roles = ["analyst"]
  }
}
