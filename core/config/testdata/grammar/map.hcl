plugin "acme" {
  env = { TOKEN: "hunter2-in-the-clear" URL = "x" }
  "path" = "hunter2-in-the-clear"
}
