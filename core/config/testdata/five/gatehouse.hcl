role "analyst" {
  permissions = ["query:execute", "Policy Read"]
}

route "/api/../admin" {
  permission = "policy:write"
}
