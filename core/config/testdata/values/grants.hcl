plugin "grants" {
  path    = "/usr/lib/gatehouse/plugins/grants"
  sha256  = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  network = "yes"
  read    = ["/etc/a", "/etc/a", ""]
  memory  = "64MiB"
  env = {
    "1ST"         = "a"
    "LD_PRELOAD"  = "b"
    "PLUGIN_CERT" = "c"
    "FINE"        = "d"
  }
}
