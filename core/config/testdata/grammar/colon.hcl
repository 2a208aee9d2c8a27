client "acme-reports" {
  organization: "hunter2-in-the-clear"
}
