server {
  public_url   = "http://app.example.com"
  listen       = "8080"
  admin_listen = "app.example:80"
  tls {
    cert_file = "/x"
  }
  tls {
  }
  limits {
    header        = "16 KiB"
    body          = "0B"
    drain_timeout = "0s"
    idle          = "1s"
  }
  throttle {
    per_source = -1
    per_id     = 1.5
    window     = "25h"
  }
  fetch {
    allow   = ["10.0.0.1/8", "localhost"]
    ca_file = ""
    deny    = []
  }
  access_log = "some"
  dns_server = "dns.example:53"
  tracing {
    endpoint = "http://collector.example:4318"
    sample   = 2
    headers  = { Authorization = env("ACME_SECRET") }
  }
}
server {
}
store {
  url = "postgres://gatehouse:hunter2-in-the-clear@db.example/gatehouse"
}
