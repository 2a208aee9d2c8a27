organization "acme" {
  name = "Acme" "Inc"
}
