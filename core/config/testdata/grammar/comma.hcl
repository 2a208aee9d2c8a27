client "acme-reports" {
  roles = [
    "analyst"
    "hunter2-in-the-clear"
  ]
}
