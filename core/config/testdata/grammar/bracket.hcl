client "acme-reports" {
  roles = ["analyst", "hunter2-in-the-clear"
  rate = "1/s"
}
