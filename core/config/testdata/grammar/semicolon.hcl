organization "acme" {
  name = "Acme";
}
