authenticator "acme" {
  client_secret = <<EOT
hunter2-in-the-clear
}
