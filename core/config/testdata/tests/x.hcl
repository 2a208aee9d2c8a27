test "no roles" {
  client = { organization = "acme" }
}

test "unknown role" {
  client = { organization = "acme" }
  roles  = ["analist"]
}

test "twice" {
  user  = { department = "Analytics" }
  roles = ["analyst", "analyst"]
}

test "twice" {
  roles = []
}

test {
  roles = []
}

test "  " {
  roles = []
}

test "block" {
  client {
    id = "a"
  }
  rolls = []
  roles = "analyst"
}

connection "acme-okta" {
  organization = "acme"

  test "nobody" {
    roles = []
  }

  test "null" {
    user  = null
    roles = []
  }

  test "nobody" {
    client = { organization = "acme" }
    user   = {}
    roles  = ["analysts"]
  }
}

client "my-tenant" {
  organization = "acme"

  test "as it is" {
    roles = ["Analyst"]
    user  = {}
  }
}
