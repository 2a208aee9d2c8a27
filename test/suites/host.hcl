# The host that the SCIM suites of others are run against: a connection for each
# suite and mode, so that each begins with an empty directory. The suites do not
# wait when they are told to, so the limits are far.

server {
  listen      = env("GATEHOUSE_LISTEN", "127.0.0.1:8080")
  public_url  = env("GATEHOUSE_PUBLIC_URL")
  confinement = "best-effort"
}

upstream "app" {
  url = env("GATEHOUSE_DEMO_URL")
}

role "admin" {
  permissions = ["*"]
}

organization "demo" {
  name = "Demonstration Inc."
}

client "demo" {
  organization = "demo"
  roles        = ["admin"]
}

client "demo-reader" {
  organization = "demo"
}

authenticator "apikey" {}

connection "demo" {
  organization = "demo"

  provisioner "scim" {}
}

connection "okta-tolerant" {
  organization = "demo"
  provider     = "okta"

  limits {
    rate = "10000/s"
  }

  provisioner "scim" {}
}

connection "okta-strict" {
  organization = "demo"
  provider     = "okta"

  limits {
    rate = "10000/s"
  }

  provisioner "scim" {
    strict = true
  }
}

connection "entra-tolerant" {
  organization = "demo"
  provider     = "entra"

  limits {
    rate = "10000/s"
  }

  provisioner "scim" {}
}

connection "entra-unique-tolerant" {
  organization = "demo"
  provider     = "entra"

  limits {
    rate = "10000/s"
  }

  provisioner "scim" {}
}

connection "entra-unique-strict" {
  organization = "demo"
  provider     = "entra"

  limits {
    rate = "10000/s"
  }

  provisioner "scim" {
    strict = true
  }
}

connection "tester-tolerant" {
  organization = "demo"
  provider     = "generic"

  limits {
    rate = "10000/s"
  }

  provisioner "scim" {}
}

connection "tester-strict" {
  organization = "demo"
  provider     = "generic"

  limits {
    rate = "10000/s"
  }

  provisioner "scim" {
    strict = true
  }
}

connection "sanity-tolerant" {
  organization = "demo"
  provider     = "generic"

  limits {
    rate = "10000/s"
  }

  provisioner "scim" {}
}

connection "sanity-strict" {
  organization = "demo"
  provider     = "generic"

  limits {
    rate = "10000/s"
  }

  provisioner "scim" {
    strict = true
  }
}
