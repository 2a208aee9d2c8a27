upstream "urls" {
  url              = "https://user:hunter2-in-the-clear@app.example/path"
  hosts            = ["App.example", "a.example", "a.example", 7]
  headers          = { organisation = "X-Tenant" }
  default          = "denied"
  connect_timeout  = "5 seconds"
  response_timeout = "-5s"
  preserve_host    = "yes"
}
upstream "more" {
  url     = "app.example"
  hosts   = ["app.example:80"]
  headers = { subject = "Cookie", kind = "bad name", roles = "X-Gatehouse-Assertion", roles = "X" }
}
upstream "headers" {
  url     = "http://app.example/path"
  hosts   = ["b.example"]
  headers = { subject = "Cookie", kind = "bad name", roles = "X-Gatehouse-Assertion" }
}
upstream "second" {
  url = "http://app.example?query"
}
upstream "third" {
  url = "http://app.example"
}
route "api" {
  upstream = "app"
}
route "/a//b" {
  upstream = "app"
}
route "/a*/b" {
  upstream = "app"
}
route "/a/?q" {
  upstream = "app"
}
route "/a/%2F" {
  upstream = "app"
}
route "/a/%41" {
  upstream = "app"
}
route "/a/" {
  upstream = "app"
}
route "/a/**/**" {
  upstream = "app"
}
route "/a b" {
  upstream = "app"
}
route "/x" {
  upstream   = "app"
  public     = true
  permission = "a:b"
}
route "/y" {
  upstream   = "app"
  permission = "a:*"
  methods    = ["get", "PUT", "PUT"]
}
route "/z" {
}
route "/z" {
  upstream = "ap"
}
