authenticator "acme" {
  client_secret = env("hunter2-in-the-clear"
}
