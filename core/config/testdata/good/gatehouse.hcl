server {
  public_url      = "https://app.example.com"
  trusted_proxies = ["10.0.0.0/8", "2001:db8::/32"]
  file_roots      = ["secrets"]
  limits {
    body = "1MiB"
  }
  throttle {
    per_source = 20
    window     = "10m"
  }
  fetch {
    allow   = ["10.20.0.0/16", "fd00:1::/32"]
    ca_file = "internal-ca.crt"
  }
}

store {
  url = env("STORE_URL")
}

upstream "app" {
  url     = "http://127.0.0.1:9000"
  headers = { organization = "X-Tenant-ID" }
}

route "/api/**" {
  permission = "query:execute"
  methods    = ["POST"]
}

route "/" {
  public = true
}

role "analyst" {
  permissions = ["query:execute", "policy:*", "*"]
}

mapping "everybody" {
  when  = client.organization == "acme" && !contains(client.scopes, "none")
  roles = ["analyst"]
}
