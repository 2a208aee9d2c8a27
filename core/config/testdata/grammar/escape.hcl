authenticator "acme" {
  client_secret = "hunter2\-in-the-clear"
}
