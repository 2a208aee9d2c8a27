authenticator "acme" "types" {
  issuer      = 42
  leeway      = "soon"
  retries     = "3"
  strict      = "true"
  audiences   = "one"
  claims      = { a = 1 }
  signing_key = true
  audience    = "old"
}
authenticator "acme" "elements" {
  issuer    = "https://issuer.example"
  audiences = ["a", 2]
  retries   = 1e999999
}
authenticator "acme" "blocks" {
  proxy {
  }
  proxy {
    url = "http://proxy.example"
  }
  limit {
    rate = "many"
  }
  limit {
    rat = 1
  }
  limits {
    rate = 1
  }
}
authenticator "acme" "secrets" {
  issuer        = "https://issuer.example"
  client_secret = "hunter2-in-the-clear" # was hunter1-in-the-clear
  tokens        = { one = env("ACME_SECRET"), two = "hunter2-in-the-clear" }
  proxy {
    url      = "http://proxy.example"
    password = env("NO_SUCH", "hunter2-in-the-clear")
  }
}
authenticator "acme" "heredoc" {
  issuer        = "https://issuer.example"
  client_secret = <<EOT
hunter2-in-the-clear
EOT
}
authenticator "acme" "word" {
  issuer        = "https://issuer.example"
  client_secret = hunter2-in-the-clear
}
authenticator "acme" "call" {
  issuer        = "https://issuer.example"
  client_secret = hunter2-in-the-clear("x")
}
authenticator "acme" "empty" {
  issuer        = "https://issuer.example"
  client_secret = env("EMPTY")
}
authenticator "acme" "complaining" {
  issuer        = "https://issuer.example"
  client_secret = env("ACME_SECRET")
  limit {
    rate = 1
  }
  limit {
    rate = 100
  }
}
authenticator "acme" "both" { client_secret = "hunter2-in-the-clear" }
