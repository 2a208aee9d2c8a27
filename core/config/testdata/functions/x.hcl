organization "a" {
  name = env("MISSING")
}
organization "b" {
  name = env("NOT A NAME")
}
organization "c" {
  name = env()
}
organization "d" {
  name = upper("x")
}
organization "e" {
  name = acme
}
organization "f" {
  name = 1 + 1
}
organization "g" {
  domains = [for d in ["a"] : d]
}
organization "h" {
  name = file("/etc/passwd")
}
organization "i" {
  name = env(["x"])
}
organization "j" {
  name = "x ${["a"]}"
}
organization "k" {
  name = env("MISSING", "K ${env("NUMBER")}")
}
organization "l" {
  domains = env("NUMBER")
}
upstream "m" {
  url     = "http://x.example"
  hosts   = ["m.example"]
  headers = { (env("X")) = "x" }
}
