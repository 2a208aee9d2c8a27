role "twice" {
  permissions = ["a"]
}
