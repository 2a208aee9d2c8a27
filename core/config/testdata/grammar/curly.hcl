organization "acme" {
  name = “Acme”
}
