authenticator "acme" "x" {
  client_secret = "hunter2-in-the-clear"
  client_secret = "hunter2-in-the-clear"
  issuer "hunter2-in-the-clear"
  name = hunter2-in-the-clear more
}
server {
  listen "hunter2-in-the-clear"
}
