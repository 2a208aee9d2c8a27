authenticator "acme" {
  client_secret =
  issuer = "hunter2-in-the-clear"
}
