package config

import (
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/core/throttle"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Server is the server block: how Gatehouse is reached.
type Server struct {
	PublicURL      *url.URL // an origin, without a path
	Listen         string   // host:port
	AdminListen    string   // host:port, "" for none
	TrustedProxies []netip.Prefix
	FileRoots      []string // folders that file() may read
	ShortRoutes    bool
	Confinement    Confinement
	TLS            *TLS   // nil: HTTP
	AccessLog      string // "off", "refused" or "all"
	Limits         Limits
	Throttle       throttle.Limits
	Fetch          Fetch
	DNSServer      string    // host:port; "" for those of the system
	Tracing        *Tracing  // nil: nothing is traced
	Range          hcl.Range // zero where the block is absent, in development
}

// Confinement says what to do about a kernel that cannot confine plugins.
type Confinement string

// The kinds of confinement.
const (
	Enforce    Confinement = "enforce"     // plugins do not start
	BestEffort Confinement = "best-effort" // they start with what there is
)

// TLS is the server.tls block: files in PEM.
type TLS struct {
	CertFile, KeyFile string
	Range             hcl.Range
}

// Limits is the server.limits block. The bodies of requests that pass through
// to an upstream are not limited here: they are streamed, and the application
// knows its own limit.
type Limits struct {
	Header            int64 // bytes of a request's header
	Body              int64 // bytes of a request's body at Gatehouse's own endpoints
	ReadHeaderTimeout time.Duration
	IdleTimeout       time.Duration
	DrainTimeout      time.Duration
}

// Fetch is the server.fetch block: what plugins reach through the host.
type Fetch struct {
	Allow  []netip.Prefix
	CAFile string // PEM, beside the system's; "" for those alone
}

// Store is the store block: where state is kept.
type Store struct {
	URL   secret.Text // sqlite:///path or postgres://...
	Range hcl.Range
}

// Keyring is the keyring block.
type Keyring struct {
	RootKeyFile string        // "" where the root key comes from the environment
	RotateAfter time.Duration // how long a key signs assertions
	Overlap     time.Duration // how long it is published before that, and after it
	Range       hcl.Range
}

var tlsSchema = schema.Schema{Attributes: []schema.Attribute{
	{Name: "cert_file", Type: schema.String, Required: true, Doc: "The certificate and its chain, in PEM.", Example: `"/etc/gatehouse/tls.crt"`},
	{Name: "key_file", Type: schema.String, Required: true, Doc: "The certificate's private key, in PEM.", Example: `"/etc/gatehouse/tls.key"`},
}}

var limitsSchema = schema.Schema{Attributes: []schema.Attribute{
	{Name: "header", Type: schema.String, Default: "16KiB", Doc: "The largest header of a request.", Example: `"16KiB"`},
	{Name: "body", Type: schema.String, Default: "16MiB", Doc: "The largest body of a request to Gatehouse's own endpoints. Bodies that pass through to an upstream are streamed and not limited.", Example: `"16MiB"`},
	{Name: "read_header_timeout", Type: schema.Duration, Default: "10s", Doc: "How long a client may take to send the header of a request.", Example: `"10s"`},
	{Name: "idle_timeout", Type: schema.Duration, Default: "2m", Doc: "How long a connection without a request stays open.", Example: `"2m"`},
	{Name: "drain_timeout", Type: schema.Duration, Default: "30s", Doc: "How long requests in flight may take when the host stops.", Example: `"30s"`},
}}

var throttleSchema = schema.Schema{Attributes: []schema.Attribute{
	{Name: "per_source", Type: schema.Number, Default: 30.0, Doc: "How many failed attempts of one source fit into the window: an IPv4 address, or an IPv6 /64. Further ones are refused with 429. Of one id from one source a third of it fits. 0 does not limit.", Example: `30`},
	{Name: "per_id", Type: schema.Number, Default: 100.0, Doc: "How many failed attempts that name one id fit into the window, from everywhere. It delays attempts from where the id had no success; it refuses nobody. 0 does not limit.", Example: `100`},
	{Name: "window", Type: schema.Duration, Default: "1m", Doc: "The time that the numbers are of, from 1s to 24h. So long after an attack nothing of it is left.", Example: `"1m"`},
}}

var fetchSchema = schema.Schema{Attributes: []schema.Attribute{
	{Name: "allow", Type: schema.Strings, Doc: "The networks that are reached though they are not public. Without it there are none: no loopback, no private and no link-local address.", Example: `["10.20.0.0/16"]`},
	{Name: "ca_file", Type: schema.String, Doc: "Certificate authorities that are trusted beside the system's, in PEM.", Example: `"/etc/gatehouse/internal-ca.crt"`},
}}

var serverFrame = frame{
	kind: "server", once: true,
	doc: "How Gatehouse is reached.",
	Schema: schema.Schema{
		Attributes: []schema.Attribute{
			{Name: "public_url", Type: schema.String, Required: true, Doc: "The address that clients and browsers use: scheme and host, perhaps a port. It is the issuer of assertions. Outside of development it is https, except on the loopback interface.", Example: `"https://app.example.com"`},
			{Name: "listen", Type: schema.String, Default: "127.0.0.1:8080", Doc: "The address and port to listen on.", Example: `"0.0.0.0:8443"`},
			{Name: "admin_listen", Type: schema.String, Doc: "A second address for the admin API, metrics and the details of readiness. Without it they answer at `listen`, to loopback and to credentials only.", Example: `"127.0.0.1:9901"`},
			{Name: "trusted_proxies", Type: schema.Strings, Doc: "The networks of the proxies whose forwarding headers are believed, and that may ask `/auth/check`.", Example: `["10.0.0.0/8"]`},
			{Name: "file_roots", Type: schema.Strings, Doc: "The folders that `file()` may read. Without it, `file()` reads nothing.", Example: `["/etc/gatehouse/secrets"]`},
			{Name: "short_routes", Type: schema.Bool, Default: true, Doc: "Whether Gatehouse's own routes also stand without the prefix `/.gatehouse`. Set it to false where they would cover the application's.", Example: `true`},
			{Name: "access_log", Type: schema.String, Default: "off", Doc: "Which requests to applications get a line of JSON on standard output: `off`, `refused` or `all`.", Example: `"refused"`},
			{Name: "dns_server", Type: schema.String, Doc: "The address and port of the DNS server that is asked whether an organization has published the challenge of an e-mail domain: one that validates (DNSSEC), or that sees what the internet sees. Without it, the system's servers.", Example: `"192.0.2.53:53"`},
			{Name: "confinement", Type: schema.String, Default: string(Enforce), Doc: "`enforce`: on a kernel that cannot confine plugins (Linux with Landlock 4 and seccomp is the least) they do not start. `best-effort`: they start with what the kernel offers; `gatehouse plugins list` shows it.", Example: `"enforce"`},
		},
		Blocks: []schema.Block{
			{Name: "tls", Doc: "The certificate of the listener. Without this block it speaks HTTP, for use behind a proxy that ends TLS.", Schema: tlsSchema},
			{Name: "limits", Doc: "Limits of requests and of time.", Schema: limitsSchema},
			{Name: "throttle", Doc: "When attempts with wrong credentials are slowed and refused. Right ones are never counted.", Schema: throttleSchema},
			{Name: "fetch", Doc: "What plugins reach with the host service `fetch`, which makes HTTP requests for them: public addresses, by https.", Schema: fetchSchema},
			{Name: "tracing", Doc: "Where spans of requests go, through the plugins. Without this block nothing is traced.", Schema: tracingSchema},
		},
	},
}

var storeFrame = frame{
	kind: "store", once: true, masked: []string{"url"},
	doc: "Where state is kept.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "url", Type: schema.String, Required: true, Doc: "`sqlite:///absolute/path` for one node, `postgres://...` for several. It is never shown in messages. A password in it comes from `env()` or `file()`.", Example: `"sqlite:///var/lib/gatehouse/gatehouse.db"`},
	}},
}

var keyringFrame = frame{
	kind: "keyring", once: true,
	doc: "Where the root key comes from, which encrypts all other keys, and when keys that sign are replaced.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "root_key_file", Type: schema.String, Doc: "The file with the root key. Without it the key comes from the environment variable `GATEHOUSE_ROOT_KEY`.", Example: `"/etc/gatehouse/root.key"`},
		{Name: "rotate_after", Type: schema.Duration, Default: "2160h", Doc: "How long a key signs assertions before the next one takes its place: at least `\"72h\"`.", Example: `"2160h"`},
		{Name: "overlap", Type: schema.Duration, Default: "10m", Doc: "How long a key is published before it signs assertions, and after it has signed last: `\"15s\"` to `\"24h\"`. Applications may keep the published keys for half of it, five minutes at most. Less than `\"2m\"` is for tests: an assertion lives a minute.", Example: `"10m"`},
	}},
}

func (l *loader) server(b *block) {
	s := Server{
		PublicURL: b.origin("public_url"), Listen: b.address("listen"), AdminListen: b.address("admin_listen"),
		TrustedProxies: b.networks("trusted_proxies"), ShortRoutes: b.flag("short_routes"), DNSServer: b.peer("dns_server"),
		Confinement: Confinement(b.oneOf("confinement", string(Enforce), string(BestEffort))), Range: b.at,
	}
	if u := s.PublicURL; u != nil && u.Scheme != "https" && !l.options.Dev && !loopback(u.Hostname()) {
		b.invalid("public_url", "", "Not https", "Credentials and cookies travel to this address: outside of development it begins with https, except on the loopback interface.")
	}
	for _, root := range b.texts("file_roots") {
		s.FileRoots = append(s.FileRoots, l.options.resolve(root))
	}
	if len(b.blocks["tls"]) > 0 {
		t := b.blocks["tls"][0]
		s.TLS = &TLS{CertFile: l.present(t, "cert_file"), KeyFile: l.present(t, "key_file"), Range: t.at}
	}
	c := b.one("limits", limitsSchema)
	s.Limits = Limits{
		Header: c.size("header"), Body: c.size("body"),
		ReadHeaderTimeout: c.duration("read_header_timeout"), IdleTimeout: c.duration("idle_timeout"), DrainTimeout: c.duration("drain_timeout"),
	}
	t := b.one("throttle", throttleSchema)
	s.Throttle = throttle.Limits{PerSource: t.count("per_source"), PerID: t.count("per_id"), Window: t.duration("window")}
	if w := s.Throttle.Window; w > 0 && (w < time.Second || w > 24*time.Hour) {
		t.invalid("window", "", "Window out of bounds", "It is from 1s to 24h.")
	}
	f := b.one("fetch", fetchSchema)
	s.Fetch = Fetch{Allow: f.networks("allow"), CAFile: l.present(f, "ca_file")}
	s.AccessLog = b.oneOf("access_log", "off", "refused", "all")
	if len(b.blocks["tracing"]) > 0 {
		s.Tracing = l.tracing(b.blocks["tracing"][0])
	}
	l.config.Server = s
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// file reads the path of a file, relative to the configuration.
func (l *loader) file(b *block, name string) string {
	if s := b.filled(name); s != "" {
		return l.options.resolve(s)
	}
	return ""
}

// present is file for one that must be there.
func (l *loader) present(b *block, name string) string {
	path := l.file(b, name)
	if path == "" || l.options.Stat == nil {
		return path
	}
	if err := l.options.Stat(path); err != nil {
		b.invalid(name, "", "File not found", "It cannot be read: %v.", err)
	}
	return path
}

func (l *loader) store(b *block) {
	l.config.Store = Store{URL: secret.Text(b.text("url")), Range: b.at}
	a := b.attrs["url"]
	if !a.given || a.unknown {
		return
	}
	u, err := url.Parse(b.text("url"))
	if err != nil {
		b.invalid("url", "", "Not a URL", "Expected sqlite:///absolute/path or postgres://user@host/database. Characters such as %% in a password are written percent-encoded.")
		return
	}
	_, password := u.User.Password()
	switch {
	case u.Scheme != "sqlite" && u.Scheme != "postgres" && u.Scheme != "postgresql":
		b.invalid("url", "", "Unknown kind of store", "The URL begins with sqlite:// or postgres://.")
	case u.Scheme == "sqlite" && (u.Host != "" || len(u.Path) < 2):
		b.invalid("url", "", "No path of a database", "SQLite's URL has three slashes before an absolute path: sqlite:///var/lib/gatehouse/gatehouse.db.")
	case u.Scheme != "sqlite" && u.Hostname() == "" && !u.Query().Has("host"):
		b.invalid("url", "", "No host of a database", "Expected postgres://user@host/database.")
	case (password || u.Query().Has("password")) && !a.concealed && !l.options.Dev:
		b.fail(a.at, b.sub("url"), CodeLiteral, "Secret in the file", "The URL holds a password, which does not belong into a file that is stored and shared. Write env(\"NAME\") or file(\"path\").")
	}
}

// keyringDefaults are what counts without a keyring block.
var keyringDefaults = Keyring{RotateAfter: 90 * 24 * time.Hour, Overlap: 10 * time.Minute}

// Bounds of the keyring block: the next key cannot be due before the last one
// has taken its place.
const (
	leastRotateAfter = 72 * time.Hour
	leastOverlap     = 15 * time.Second // sdk/identity fetches an unknown key after 10 s at most
	mostOverlap      = 24 * time.Hour
)

func (l *loader) keyring(b *block) {
	k := Keyring{RootKeyFile: l.present(b, "root_key_file"), RotateAfter: b.duration("rotate_after"), Overlap: b.duration("overlap"), Range: b.at}
	if k.RotateAfter > 0 && k.RotateAfter < leastRotateAfter {
		b.invalid("rotate_after", "", "Too short", "A key signs for 72h at least.")
	}
	if k.Overlap > 0 && (k.Overlap < leastOverlap || k.Overlap > mostOverlap) {
		b.invalid("overlap", "", "Out of bounds", "The overlap is from 15s to 24h.")
	}
	l.config.Keyring = k
}
