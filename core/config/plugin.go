package config

import (
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
	HostServices []string // what it is granted
	Isolation    Isolation
	Range        hcl.Range
}

var isolationAttribute = schema.Attribute{
	Name: "isolation", Type: schema.String,
	Doc:     "`shared`: one process serves all instances of the plugin. `dedicated`: this one has a process of its own. Without it, as the plugin's block says, else shared.",
	Example: `"dedicated"`,
}

// grantable is the host services that a plugin block may grant. The others
// come with what the plugin is, and none of them reaches beyond an instance.
var grantable = []string{"audit"}

var pluginFrame = frame{
	kind: "plugin", labels: []label{{name: "name"}},
	doc: "A plugin that is not part of Gatehouse. It runs only if its bytes have the digest, at every start.",
	Schema: schema.Schema{Attributes: []schema.Attribute{
		{Name: "path", Type: schema.String, Required: true, Doc: "The binary; relative to the folder of the configuration.", Example: `"/usr/lib/gatehouse/plugins/acme-token"`},
		{Name: "sha256", Type: schema.String, Required: true, Doc: "The SHA-256 digest of the binary, as `sha256sum` prints it.", Example: `"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`},
		{Name: "host_services", Type: schema.Strings, Doc: "What the plugin may ask of the host beside what every plugin may: `audit` writes records of its own into the audit log.", Example: `["audit"]`},
		isolationAttribute,
	}},
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (l *loader) plugin(b *block) {
	p := Plugin{
		Name: b.labels[0], Path: l.file(b, "path"), SHA256: b.text("sha256"), HostServices: b.texts("host_services"),
		Isolation: isolation(b), Range: b.at,
	}
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

// isolation reads the attribute; "" where it is left to the plugin's block.
func isolation(b *block) Isolation {
	return Isolation(b.oneOf("isolation", string(Shared), string(Dedicated)))
}
