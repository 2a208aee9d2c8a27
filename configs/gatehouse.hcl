# The host's own configuration, with every option. Options that are commented
# out show their default or an alternative. All *.hcl files of the folder are
# read as one configuration; check them with: gatehouse validate configs/
#
# docs/reference/configuration.md explains each block and attribute.

# How Gatehouse is reached.
server {
  # The address that clients and browsers use. It is the issuer of assertions.
  public_url = "https://app.example.com"

  # The address and port to listen on. The default is 127.0.0.1:8080.
  listen = "0.0.0.0:8443"

  # Where the admin API, /metrics and the details of /readyz answer. Without it
  # they answer at the address above, to loopback and to credentials only.
  admin_listen = "127.0.0.1:9901"

  # The proxies whose X-Forwarded-* headers are believed, and that may ask
  # /auth/check. Nobody else's are.
  trusted_proxies = ["10.0.0.0/8"]

  # The folders that file("...") may read in these files.
  file_roots = ["/etc/gatehouse/secrets"]

  # Gatehouse's own routes stand under /.gatehouse/ and, with true, also under
  # their short names such as /login. Set it to false if the application has
  # paths of those names.
  short_routes = true

  # Which requests to applications get a line of JSON on standard output: "off",
  # "refused" or "all". The default is "off".
  access_log = "refused"

  # Who is asked whether an organization has published the challenge of an e-mail
  # domain (gatehouse domain verify). Without it, the system's DNS servers.
  # dns_server = "192.0.2.53:53"

  # Plugins start only where the kernel can confine them (Linux with Landlock 4
  # and seccomp). With "best-effort" they start with what it offers.
  confinement = "enforce"

  # Leave this block out where a proxy in front of Gatehouse ends TLS.
  tls {
    cert_file = "/etc/gatehouse/tls.crt"
    key_file  = "/etc/gatehouse/tls.key"
  }

  limits {
    header              = "16KiB" # of a request
    body                = "16MiB" # at Gatehouse's own endpoints; others are streamed without a limit
    read_header_timeout = "10s"
    idle_timeout        = "2m"
    drain_timeout       = "30s" # for requests in flight when the host stops
  }

  # Attempts with wrong credentials: half of these pass at once, then they are
  # slowed, and beyond them refused with 429. Right credentials are not counted.
  throttle {
    per_source = 30  # an IPv4 address, or an IPv6 /64; a third of it for one id from there
    per_id     = 100 # from everywhere; delays, never refuses
    window     = "1m"
  }

  # What plugins reach through the host service "fetch": public addresses, by
  # https. Each network that is not public has to be allowed.
  fetch {
    # allow   = ["10.20.0.0/16"]
    # ca_file = "/etc/gatehouse/internal-ca.crt" # trusted beside the system's
  }

  # Where spans go, by OTLP over HTTP. Without this block nothing is traced.
  # tracing {
  #   endpoint = "http://127.0.0.1:4318"
  #   sample   = 0.01 # of the requests; a trusted proxy's traceparent has decided already
  #   headers  = { Authorization = env("OTLP_AUTHORIZATION") } # with https
  # }
}

# Where state is kept. SQLite is one file and needs no service; PostgreSQL is
# for several nodes. A URL with a password comes from the environment.
store {
  url = "sqlite:///var/lib/gatehouse/gatehouse.db"
  # url = env("GATEHOUSE_DATABASE_URL") # postgres://gatehouse:...@db.example/gatehouse
}

# The root key encrypts all other keys. Without this block it is read from the
# environment variable GATEHOUSE_ROOT_KEY.
keyring {
  root_key_file = "/etc/gatehouse/root.key"
  rotate_after  = "2160h" # how long a key signs assertions
  overlap       = "10m"   # how long it is published before that, and after it
}

# The applications behind Gatehouse. This one takes every host that no other
# upstream names.
upstream "app" {
  url = "http://127.0.0.1:9000"

  # The application knows its callers by other header names. Those that are not
  # named here are X-Gatehouse-Subject, -Kind, -Organization, -Roles, -Assertion.
  headers = {
    organization = "X-Tenant-ID"
  }

  # A path that no route names is open to every authenticated principal.
  default = "authenticated"

  connect_timeout  = "5s"
  response_timeout = "60s" # until the response begins; it may then stream without end
  preserve_host    = true  # the application sees the host that the client asked for
}

upstream "reports" {
  url     = "https://reports.internal.example:8443"
  hosts   = ["reports.example.com"]
  default = "deny" # only paths with a route
  ca_file = "/etc/gatehouse/internal-ca.crt"
}

# Who may use which paths. The most specific route wins: * is one segment of a
# path, ** any number.
route "/healthz/app" {
  upstream = "app"
  public   = true # without a credential
}

route "/api/v1/query/*" {
  upstream   = "app"
  methods    = ["POST"]
  permission = "query:execute"
}

route "/api/v1/admin/**" {
  upstream   = "app"
  permission = "policy:write"
  # mfa     = true  # only people who have signed on with more than one factor,
  # max_age = "10m" # and no longer ago: programs do not pass then
}

route "/monthly/**" {
  upstream   = "reports"
  methods    = ["GET"]
  permission = "report:read"
}

# A role is a name with permissions. It grants nothing by itself.
role "admin" {
  permissions = ["*"]
  description = "May use everything in the applications"
  protected   = true # an organization keeps its last administrator, whatever an IdP sends
}

# Of the roles that share the word "seat", somebody has the one with the highest
# priority: an analyst is not a viewer beside it.
role "analyst" {
  permissions = ["query:execute", "policy:read", "report:*"]
  description = "Runs queries and reads reports"
  exclusive   = "seat"
  priority    = 20
}

role "viewer" {
  permissions = ["report:read"]
  description = "Reads reports"
  exclusive   = "seat"
  priority    = 10
}

# A mapping gives roles, here to every client of one organization. Without
# "when" it gives them to all clients.
mapping "acme-clients" {
  when  = client.organization == "acme"
  roles = ["analyst"]
}

# Tries what mappings give: exactly these roles. A configuration with a test that
# fails is not taken. gatehouse policy test runs them without a host.
test "a client of acme asks queries" {
  client = { id = "reports", organization = "acme", scopes = ["query:execute"] }
  roles  = ["analyst"]
}

test "clients of others get nothing from mappings" {
  client = { organization = "globex" }
  roles  = []
}

# A customer whose people and programs come in. An e-mail domain belongs to one
# organization.
organization "acme" {
  name    = "Acme Inc."
  domains = ["acme.example"]
}

# One organization's link to its IdP, which says who its people are.
connection "acme-okta" {
  organization = "acme"
  provider     = "okta"        # or entra, onelogin, ping, jumpcloud, google, generic
  create_users = "provisioned" # by the connection's provisioners only

  # How its people sign on, where the connection has an authenticator for them.
  require_mfa       = false
  match             = "user_name"
  allow_unsolicited = false
  pull_every        = "15m" # of a provisioner that asks the IdP, such as google

  # What takes people and groups over. A label tells two of one kind apart.
  # provisioner "scim" {}

  # When many people leave at once, an operator is asked before anything is done
  # to them that cannot be taken back.
  brake {
    share  = 0.2 # of the active users,
    window = "1h"
    least  = 10        # and so many people
    mode   = "suspend" # or "hold": those after the trip keep access until the operator has decided
  }

  # What the IdP may ask for.
  limits {
    concurrent = 16 # requests at once
    rate       = "100/s"
    body       = "16MiB"
  }

  # Roles for its users: who is in one of the groups, by name or by the IdP's
  # id, and fulfils the condition.
  mapping "platform-admins" {
    groups    = ["Platform Admins"]
    group_ids = ["00g1emaKYZTWRYYRRTSK"]
    roles     = ["admin"]
  }

  mapping "analytics" {
    when  = user.department == "Analytics"
    roles = ["analyst"]
  }

  # Groups by patterns of their names, and whether upper and lower case differ. A
  # mapping that reads how somebody signed on gives its roles to that session only.
  mapping "team-leads" {
    group_patterns = ["Team * Leads"]
    ignore_case    = true
    when           = auth.mfa
    roles          = ["analyst"]
  }

  # Roles beside the mappings, by Rego of your own. It may be in a file:
  # file("/etc/gatehouse/secrets/acme.rego").
  rego = <<-EOT
    package gatehouse.custom

    grants contains {"role": "analyst", "rule": "contractors"} if {
      input.user.user_type == "Contractor"
      endswith(lower(input.user.email), "@partner.example")
    }
  EOT

  # What they give, by the attributes of a user; what is left out is absent.
  test "an analyst" {
    user  = { user_name = "jane@acme.example", department = "Analytics", groups = ["Data"] }
    roles = ["analyst"]
  }

  test "an administrator, by the name of the group or by its id" {
    user  = { groups = ["Platform Admins"], group_ids = ["00g1emaKYZTWRYYRRTSK"] }
    roles = ["admin"]
  }

  test "who leads a team, with a second factor" {
    user  = { groups = ["team red leads"] }
    auth  = { mfa = true, methods = ["pwd", "otp"] }
    roles = ["analyst"]
  }

  test "a contractor" {
    user  = { user_type = "Contractor", email = "kim@partner.example" }
    roles = ["analyst"]
  }
}

# A program with an API key. Its secret is made by command and shown once:
# gatehouse keys create my-tenant
client "my-tenant" {
  organization  = "acme"
  name          = "Nightly import"
  roles         = ["analyst"]
  scopes        = ["query:execute"] # whatever the roles permit, no more than this
  networks      = ["192.0.2.0/24", "2001:db8::/32"]
  rate          = "100/s" # 429 beyond it, and beyond 200 at once
  authenticator = "apikey"
  expires_at    = "2030-06-30T00:00:00Z"

  # The user who answers for the client; it can do at most what they can.
  # Without it the organization owns the client.
  # owner = "0198c7a2-3b4c-7d5e-8f60-718293a4b5c6"

  # Like a mapping outside, for this client only.
  mapping "import-by-night" {
    when  = contains(client.scopes, "query:execute")
    roles = ["analyst"]
  }

  # This client, with its roles above; "client" says what shall be other than here.
  test "as it is" {
    roles = ["analyst"]
  }

  test "without that scope it keeps the roles of its block" {
    client = { scopes = ["policy:read"] }
    roles  = ["analyst"]
  }
}

# Who verifies credentials: the bundled API keys. A label tells two blocks of
# one kind apart: authenticator "apikey" "partners" { ... }
authenticator "apikey" {
  isolation = "shared" # or "dedicated": a process of its own
}

# A plugin that is not part of Gatehouse. It runs only if its bytes have this
# digest, at every start.
#
# plugin "acme-token" {
#   path          = "/usr/lib/gatehouse/plugins/acme-token"
#   sha256        = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#   host_services = ["audit", "fetch"] # what it may ask beside what every plugin may
#   isolation     = "dedicated"
#
#   # What it may have of the system. Without these: no network, no files, and
#   # 256 MiB.
#   network = true
#   read    = ["/etc/acme/ca.crt"]
#   memory  = "512MiB"
#   env     = { HTTPS_PROXY = "http://proxy.example:3128" }
# }
#
# authenticator "acme-token" {
#   # what stands here is the plugin's to say; secrets come from outside:
#   # client_secret = file("/etc/gatehouse/secrets/acme-token")
# }

# The limits of sessions of people with a browser.
session {
  idle     = "12h"
  life     = "168h"
  per_user = 20
  refresh  = "15m"
}
