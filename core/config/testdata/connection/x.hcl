organization "acme" {}
role "analyst" {
  permissions = ["query:execute"]
}
connection "nowhere" {
  organization = "acne"
}
connection "words" {
  organization = "acme"
  provider     = "otka"
  create_users = "on_login"
}
connection "words" {
  organization = "acme"
}
connection "brake" {
  organization = "acme"
  create_users = "always"
  brake {
    share  = 1.5
    window = "30s"
    mode   = "halt"
    least  = 9
  }
  brake {}
}
connection "limits" {
  organization = "acme"
  limits {
    concurrent = 0
    rate       = "25"
    body       = "16M"
    header     = "1KiB"
  }
}
connection "mappings" {
  organization = "acme"
  mapping "one" {
    groups    = []
    group_ids = ["a", " ", "a"]
    roles     = []
  }
  mapping "two" {
    groups = ["Data"]
    roles  = ["analist"]
  }
  mapping "two" {
    roles = ["analyst"]
  }
  mapping {
    roles = ["analyst"]
  }
  mapping "three" {
    group_patterns = ["Team *", "Team *", ""]
    group_ids      = ["a"]
    roles          = ["analyst"]
  }
  mapping "four" {
    group_ids   = ["a"]
    ignore_case = true
    roles       = ["analyst"]
  }
  rego = " "
}
connection "plugins" {
  organization = "acme"
  provisioner "pusher" {
    issuer = "https://issuer.example"
  }
  provisioner "pusher" {
    issuer = "https://issuer.example"
  }
  provisioner "pusher" "Old" {}
  provisioner {}
  provisioners "pusher" {}
}
connection "plugin" {
  organization = "acme"
  provisioner "pusher" {
    isuer         = "https://issuer.example"
    client_secret = "hunter2-in-the-clear"
  }
  provisioner "pushre" {}
}
client "my-tenant" {
  organization  = "acme"
  authenticator = "acme"
  mapping {
    roles = ["analyst"]
  }
}
mapping "groups" {
  groups = ["Data"]
  roles  = ["analyst"]
}
authenticator "acme" {
  issuer = "https://issuer.example"
}
connection {
  organization = "acme"
}
connection "pulls" {
  organization = "acme"
  pull_every   = "30s"
}

connection "signs" {
  organization = "acme"
  match        = "mail"
  require_mfa  = "yes"
  create_users = "on_login"
  authenticator "saml" {}
  authenticator "oidc" {}
  authenticator "oidc" "old" {}
  authenticator "saml" "old" {}
  authenticator "saml" "acs" {}
  provisioner "scim" {}
}
session {
  idle     = "1m"
  life     = "3000h"
  per_user = 0
}
session {}
