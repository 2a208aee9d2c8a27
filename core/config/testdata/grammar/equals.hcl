client "acme-reports" {
  organization "acme"
  roles = ["hunter2-in-the-clear"]
}
