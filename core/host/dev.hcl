# The configuration of `gatehouse dev`: a demonstration application behind one
# rule of each sort, two clients that may do different things, and connections
# for people. To change it, start from a copy: gatehouse dev --config DIR

server {
  listen          = env("GATEHOUSE_LISTEN", "127.0.0.1:8080")
  public_url      = env("GATEHOUSE_PUBLIC_URL")
  trusted_proxies = ["127.0.0.0/8", "::1/128"]
  confinement     = "best-effort" # so that it runs everywhere

  fetch {
    allow = ["127.0.0.0/8", "::1/128"] # where the identity provider of the demonstration is
  }
}

upstream "app" {
  url = env("GATEHOUSE_DEMO_URL")
}

# Anybody may ask whether the application is there, and sign on with the identity
# provider that stands for the one of a customer's company.
route "/healthz" {
  public = true
}

route "/idp/**" {
  public = true
}

# A path without a rule needs any known client or person; these need a permission.
route "/api/v1/query/**" {
  permission = "query:execute"
}

route "/api/v1/admin/**" {
  permission = "policy:write"
}

role "admin" {
  permissions = ["*"]
}

role "reader" {
  permissions = ["policy:read"]
}

role "analyst" {
  permissions = ["query:execute"]
}

organization "demo" {
  name    = "Demonstration Inc."
  domains = ["demo.example"]
}

client "demo" {
  organization = "demo"
  roles        = ["admin"]
}

client "demo-reader" {
  organization = "demo"
  roles        = ["reader"]
}

authenticator "apikey" {}

# People sign on with their company's identity provider, by OpenID Connect or by
# SAML 2.0. Their first sign-on makes them known here.
connection "demo-oidc" {
  organization = "demo"
  create_users = "on_login"

  authenticator "oidc" {
    issuer        = "${env("GATEHOUSE_PUBLIC_URL")}/idp/oidc"
    client_id     = "gatehouse"
    client_secret = "a-secret-for-development-only"
  }

  mapping "administrators" {
    groups = ["Administrators"]
    roles  = ["admin"]
  }

  mapping "analysts" {
    groups = ["Analysts"]
    roles  = ["analyst"]
  }
}

connection "demo-saml" {
  organization = "demo"
  create_users = "on_login"

  authenticator "saml" {
    metadata_url     = "${env("GATEHOUSE_PUBLIC_URL")}/idp/saml/metadata"
    new_certificates = "always"
  }

  mapping "administrators" {
    groups = ["Administrators"]
    roles  = ["admin"]
  }

  mapping "analysts" {
    groups = ["Analysts"]
    roles  = ["analyst"]
  }
}

# People can also come from an identity provider that pushes them by SCIM 2.0.
connection "demo" {
  organization = "demo"

  provisioner "scim" {}

  mapping "analysts" {
    groups = ["Analysts"]
    roles  = ["analyst"]
  }
}
