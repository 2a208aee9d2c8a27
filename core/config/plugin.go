package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Isolation says how the instances of a plugin share processes.
type Isolation string

// The kinds of isolation.
const (
	Shared    Isolation = "shared"    // one process serves all instances of the plugin
	Dedicated Isolation = "dedicated" // the instance has a process of its own
)

// Plugin is a plugin block: a binary that is not part of Gatehouse.
type Plugin struct {
	Name         string
	Path         string   // of the binary
	SHA256       string   // 64 hexadecimal digits, lower case
	HostServices []string // what it is granted of the host
	Network      bool     // and of the system: sockets of the internet,
	Read         []string // absolute paths of files and folders,
	Memory       int64    // bytes of data,
	Env          map[string]string
	Isolation    Isolation
	Range        hcl.Range
}

var isolationAttribute = schema.Attribute{
	Name: "isolation", Type: schema.String,
	Doc:     "`shared`: one process serves all instances of the plugin. `dedicated`: this one has a process of its own. Without it, as the plugin's block says, else shared.",
	Example: `"dedicated"`,
}

// grantable is the host services that a plugin block may grant.
var grantable = []string{"audit", "directory", "fetch", "keys", "once", "state"}

var pluginFrame = frame{
	kind: "plugin", labels: []label{{name: "name"}}, masked: []string{"env"},
	doc: "A plugin that is not part of Gatehouse. It runs only if its bytes have the digest, at every start.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "path", Type: schema.String, Required: true, Doc: "The binary; relative to the folder of the configuration.", Example: `"/usr/lib/gatehouse/plugins/acme-token"`},
		{Name: "sha256", Type: schema.String, Required: true, Doc: "The SHA-256 digest of the binary, as `sha256sum` prints it.", Example: `"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`},
		{Name: "host_services", Type: schema.Strings, Doc: "What the plugin may ask of the host beside what every plugin may: `audit` writes records of its own into the audit log; `directory`, which a provisioner needs, reads and changes the users and groups of the connection that a call is for; `fetch` has the host make HTTP requests, within what the `fetch` block of the `server` block lets it reach; `keys` signs and decrypts with key pairs of the instance's own, which the host keeps; `once` remembers ids that count once; `state` keeps a few small blobs, encrypted.", Example: `["audit"]`},
		{Name: "network", Type: schema.Bool, Default: false, Doc: "Whether the plugin may open sockets and connect, to anywhere. Without it it can open none but the one that it serves on.", Example: `true`},
		{Name: "read", Type: schema.Strings, Doc: "Files, and folders with all below them, that the plugin may read; relative to the folder of the configuration. It writes no file.", Example: `["/etc/acme/ca.crt"]`},
		{Name: "memory", Type: schema.String, Default: "256MiB", Doc: "How much the plugin may allocate, at least 128MiB. One that needs more ends and is started again.", Example: `"256MiB"`},
		{Name: "env", Type: schema.Map, Doc: "Environment variables for the plugin. It gets nothing of the host's but `PATH`, `TZ`, `SSL_CERT_FILE` and `SSL_CERT_DIR`.", Example: `{ HTTPS_PROXY = "http://proxy.example:3128" }`},
		isolationAttribute,
	}},
}

// leastMemory is what a program in Go with gRPC needs to start.
const leastMemory = 128 << 20

// ownVariable is what the host sets itself, or what changes the launch.
var ownVariable = regexp.MustCompile(`^(PLUGIN_.*|GATEHOUSE_.*|TMPDIR|HOME|LD_.*)$`)

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (l *loader) plugin(b *block) {
	p := Plugin{
		Name: b.labels[0], Path: l.file(b, "path"), SHA256: b.text("sha256"), HostServices: b.texts("host_services"),
		Network: b.flag("network"), Memory: b.size("memory"), Env: b.table("env"),
		Isolation: isolation(b), Range: b.at,
	}
	l.grants(b, &p)
	if a := b.attrs["path"]; a.given && !a.unknown && p.Path == "" && !b.failed {
		b.invalid("path", "", "No path", "Expected the path of the plugin's binary.")
	}
	if a := b.attrs["sha256"]; a.given && !a.unknown && !digestForm.MatchString(p.SHA256) {
		b.invalid("sha256", "", "Not a digest", "Expected 64 hexadecimal digits in lower case, as sha256sum prints them.")
	}
	b.unique("host_services")
	for i, s := range p.HostServices {
		if !slices.Contains(grantable, s) {
			b.invalid("host_services", strconv.Itoa(i), "Unknown host service", "What can be granted: %s.%s", strings.Join(grantable, ", "), b.meant("host_services", s, grantable))
		}
	}
	l.keep(b, func() { l.config.Plugins = append(l.config.Plugins, p) })
}

// grants checks what the plugin is granted of the system.
func (l *loader) grants(b *block, p *Plugin) {
	b.unique("read")
	for i, place := range b.texts("read") {
		if strings.TrimSpace(place) == "" || strings.ContainsRune(place, 0) {
			b.invalid("read", strconv.Itoa(i), "No path", "Expected the path of a file or folder.")
			continue
		}
		p.Read = append(p.Read, l.options.resolve(place))
	}
	if p.Memory > 0 && p.Memory < leastMemory {
		b.invalid("memory", "", "Too little memory", "A plugin needs 128MiB to start.")
	}
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		switch {
		case !variableName.MatchString(name):
			b.invalid("env", name, "Not a variable", "The name of a variable is letters, digits and underscores, and does not begin with a digit.")
		case ownVariable.MatchString(name):
			b.invalid("env", name, "The host's variable", "The host sets this variable itself, or it would change how the plugin is started.")
		case strings.ContainsRune(p.Env[name], 0):
			b.invalid("env", name, "Not a text", "A variable cannot hold a zero byte.")
		}
	}
}

// isolation reads the attribute; "" where it is left to the plugin's block.
func isolation(b *block) Isolation {
	return Isolation(b.oneOf("isolation", string(Shared), string(Dedicated)))
}
