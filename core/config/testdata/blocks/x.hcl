stray = 1
server = "x"
rol "admin" {
  permissions = ["*"]
}
client_secret "hunter2-in-the-clear" {
  key = "hunter2-in-the-clear"
}
server {
  public_url = "https://other.example.com"
}
role "Analyst" {
  permissions = ["a"]
}
role {
  permissions = ["a"]
}
role "a" "b" {
  permissions = ["a"]
}
role "twice" {
  permissions = ["a"]
}
upstream "tls" {
  url = "http://127.0.0.1:9001"
  hosts = ["x.example"]
  tls {
  }
  hosts {
  }
}
organization "o" {
  nam = "O"
  mapping = 1
}
authenticator "acme" "a" "b" {
}
authenticator "apikeys" {
}
plugin "p" {
}
