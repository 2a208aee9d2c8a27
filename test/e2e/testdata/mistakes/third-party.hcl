plugin "signed-token" {
  path   = env("PLUGIN_PATH")
  sha256 = env("PLUGIN_SHA256")
}

authenticator "signed-token" {
  public_key = "c2hvcnQ="
  max_age    = "15m"
}
