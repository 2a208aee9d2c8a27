package house_test

import "slices"

const module = "github.com/gatehouse-id/gatehouse"

// topLevel is all that may stand at the top of the repository.
var topLevel = []string{
	".ci", ".gitignore", ".golangci.yml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "SECURITY.md",
	"cmd", "configs", "core", "docs", "examples", "go.mod", "go.sum", "plugins", "sdk", "test",
}

// rooms are those of core, top floor first. Imports go down this list only.
var rooms = []string{
	"host", "server", "console", "admin", "proxy", "signon", "provisioning", "preview", "access", "session", "grant", "policy",
	"directory", "credential", "domain", "pluginhost", "config", "fetch", "throttle", "audit", "change", "keyring", "store", "tracing",
}

// rule says which imports a part of the house may not have.
type rule struct {
	name   string
	from   []string // folders it holds for; everything below counts
	except []string // folders below from that it does not hold for
	deny   []string // folders of ours, or import paths of others; everything below counts
	tests  bool     // whether tests keep it as well
}

// importRules are the rules of the house. What more than one part is needed
// for is tested in test/, so that the rules hold for tests too.
func importRules() []rule {
	facades := []string{"sdk/plugin", "sdk/hostsvc", "sdk/plugintest", "core/pluginhost"}
	everything := []string{"cmd", "core", "examples", "plugins", "sdk", "test"}
	rules := []rule{
		{name: "sdk is for others: it knows neither core nor plugins", from: []string{"sdk"}, deny: []string{"core", "plugins", "cmd", "examples", "test"}, tests: true},
		{name: "a plugin of ours has no power that a third party's lacks", from: []string{"plugins", "examples"}, deny: []string{"core", "cmd", "test"}, tests: true},
		{name: "core knows no plugin", from: []string{"core"}, deny: []string{"plugins", "examples", "cmd"}, tests: true},
		{
			name: "protobuf types stay in the facades", from: everything,
			// test/transport measures the protocol itself, and the impostor breaks it.
			except: slices.Concat(facades, []string{"sdk/proto", "test/transport", "test/hostile/impostor"}), deny: []string{"sdk/proto"},
		},
		{
			name: "only the store speaks to a database", from: everything, except: []string{"core/store"},
			deny: []string{"github.com/jackc/pgx", "modernc.org/sqlite", "github.com/pressly/goose"},
		},
		{
			name: "only the two ends of the boundary know go-plugin", from: everything,
			except: slices.Concat(facades, []string{"test/transport", "test/hostile/impostor"}), deny: []string{"github.com/hashicorp/go-plugin"},
		},
		{
			name: "only policy evaluates", from: everything, except: []string{"core/policy"},
			deny: []string{"github.com/open-policy-agent/opa"},
		},
		{
			name: "of the SCIM library there is the vocabulary, and nothing that reads requests", from: everything,
			except: []string{"plugins/scim/schema", "plugins/scim/scimerr"}, deny: []string{"github.com/elimity-com/scim"},
		},
	}
	for i, room := range rooms[1:] {
		r := rule{name: "imports go down: " + room, from: []string{"core/" + room}, tests: true}
		for _, above := range rooms[:i+1] {
			r.deny = append(r.deny, "core/"+above)
		}
		rules = append(rules, r)
	}
	return rules
}
