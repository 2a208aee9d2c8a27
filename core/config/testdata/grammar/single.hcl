organization "acme" {
  name = 'Acme'
}
