organization "a" {
  name = file("secrets/missing.txt")
}
organization "b" {
  name = file("secrets/../x.hcl")
}
organization "c" {
  name = file("/etc/passwd")
}
organization "d" {
  name = file("secrets/link.txt")
}
organization "e" {
  name = file("secrets")
}
organization "f" {
  name = file("secrets/binary.txt")
}
