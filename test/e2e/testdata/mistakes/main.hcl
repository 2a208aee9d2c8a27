upstream "app" {
  url = "http://127.0.0.1:9000"
}

role "analyst" {
  permissions = ["query:execute"]
}

route "/api/../admin" {
  permission = "policy:write"
}

authenticator "apikey" {
  isolation = "sandboxed"
}
