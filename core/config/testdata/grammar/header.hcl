server = {
  listen = "127.0.0.1:8080"
}
authenticator "acme"
{
  client_secret = "hunter2-in-the-clear"
}
