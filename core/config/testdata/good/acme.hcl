organization "acme" {
  domains = ["acme.example"]
}

client "my-tenant" {
  organization  = "acme"
  roles         = ["analyst"]
  networks      = ["192.0.2.0/24"]
  rate          = "50/h"
  expires_at    = "2030-01-01T00:00:00Z"
  authenticator = "acme.main"

  mapping "nightly" {
    roles = ["analyst"]
  }
}

plugin "acme" {
  path      = "bin/acme"
  sha256    = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  isolation = "dedicated"
}

authenticator "acme" "main" {
  issuer        = "https://issuer.example"
  client_secret = file("secrets/token.txt")
  tokens        = { one = env("ACME_SECRET"), two = env("ACME_SECRET") }
  retries       = env("NUMBER")
  strict        = env("YES")
  limit {
    rate = 5
  }
  limit {
    rate = 0.5
  }
  proxy {
    url = "http://proxy.example"
  }
}

authenticator "acme" "plain" {
  issuer = "https://issuer.example"
}

connection "acme-okta" {
  organization = "acme"
  provider     = "okta"

  provisioner "pusher" {
    issuer = "https://issuer.example"
  }
  provisioner "pusher" "old" {
    isolation     = "dedicated"
    issuer        = "https://old.example"
    client_secret = env("ACME_SECRET")
  }

  brake {
    share = 0.5
    mode  = "hold"
  }

  mapping "data" {
    groups = ["Data", "Data Science"]
    when   = user.department == "Analytics"
    roles  = ["analyst"]
  }
  mapping "everybody" {
    roles = ["analyst"]
  }
  mapping "patterns" {
    group_patterns = ["Team *", "*-admins"]
    ignore_case    = true
    when           = auth.mfa
    roles          = ["analyst"]
  }

  rego = <<-EOT
    package gatehouse.custom

    grants contains {"role": "analyst"} if "Data" in input.user.groups
  EOT
}

test "by itself" {
  client = { organization = "acme", scopes = ["a:b"] }
  roles  = []
}
