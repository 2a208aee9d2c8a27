organization "acme" {
  name    = ""
  domains = ["acme.example", "Acme.example", "localhost"]
}
organization "other" {
  domains = ["acme.example"]
}
client "c" {
  organization  = "acne"
  authenticator = "acme.two"
  roles         = ["x", env("ROLE")]
}
client "d" {
  organization = "acme"
  networks     = ["10.0.0.1", "10.0.0.1/8"]
  rate         = "100"
  scopes       = ["a:b*"]
  expires_at   = "tomorrow"
  mapping "m" {
    roles = []
  }
  mapping "m" {
    roles = ["x"]
  }
}
client "e" {
  organization = "acme"
}
authenticator "acme" "one" {
  issuer    = "https://issuer.example"
  isolation = "dedicatd"
}
authenticator "acme" "three" {
  issuer = "https://issuer.example"
}
plugin "acme" {
  path          = ""
  sha256        = "9F86"
  host_services = ["audi"]
}
keyring {
  root_key_file = null
}
