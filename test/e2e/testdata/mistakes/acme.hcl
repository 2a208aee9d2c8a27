organization "acme" {
  name = 42
}

client "my-tenant" {
  organization = "acme"
  roles        = ["analist"]
}
