server {
  public_url = "https://app.example.com
  listen     = "127.0.0.1:8080"
}

authenticator "acme" {
  issuer        = "https://issuer.example"
  client_secret = "hunter2-in-the-clear
}
