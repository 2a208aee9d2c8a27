upstream "app" {
  url = "http://127.0.0.1:9000"
}
}
organization "acme" {}
