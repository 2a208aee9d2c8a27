server {
  public_url = "https://app.example.com"
  listen     = "127.0.0.1:8080"
}
store {
  url = "sqlite:///var/lib/gatehouse/gatehouse.db"
}
upstream "app" {
  url = "http://127.0.0.1:9000"
}
role "analyst" {
  permissions = ["query:execute"]
}
organization "acme" {}
authenticator "acme" {
  issuer = "https://issuer.example"
}
