# The configuration of `gatehouse dev`: a demonstration application behind one
# rule of each sort, two clients that may do different things, and a connection
# for people. To change it, start from a copy: gatehouse dev --config DIR

server {
  listen          = env("GATEHOUSE_LISTEN", "127.0.0.1:8080")
  public_url      = env("GATEHOUSE_PUBLIC_URL")
  trusted_proxies = ["127.0.0.0/8", "::1/128"]
  confinement     = "best-effort" # so that it runs everywhere
}

upstream "app" {
  url = env("GATEHOUSE_DEMO_URL")
}

# Anybody may see the front page.
route "/" {
  public = true
}

# A path without a rule needs any known client; these need a permission.
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
  name = "Demonstration Inc."
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

# People come from an identity provider that pushes them by SCIM 2.0.
connection "demo" {
  organization = "demo"

  provisioner "scim" {}

  mapping "analysts" {
    groups = ["Analysts"]
    roles  = ["analyst"]
  }
}
