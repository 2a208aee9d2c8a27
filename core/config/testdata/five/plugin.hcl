authenticator "acme" {
  issuer        = "https://issuer.example"
  client_secrt  = "hunter2-in-the-clear"
}
