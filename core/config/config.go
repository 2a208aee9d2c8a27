// Package config turns the operator's HCL files into a typed configuration. It
// finds every mistake of all files at once and shows each with its place and
// what was expected, and never shows a secret: not in words, not in the line of
// the file, not in a file that does not parse.
//
// The host's own blocks and those of plugins are described by the same values
// of sdk/schema, decoded by the same code, and documented from them.
package config

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
)

// Config is what the files say. Lists are in the order of the files' names and
// of the blocks in them.
type Config struct {
	Server         Server
	Store          Store
	Keyring        Keyring
	Upstreams      []Upstream
	Routes         []Route
	Roles          []Role
	Mappings       []Mapping // for every client; those of one client or connection are in its Mappings
	Tests          []Test    // of clients; those of one client or connection are in its Tests
	Organizations  []Organization
	Clients        []Client
	Plugins        []Plugin
	Authenticators []Instance
	Connections    []Connection
	Session        Session

	places places
}

// Locate gives the place of a block, an attribute or an element of a list or a
// map: a path such as client, my-tenant, roles, 0. Of what does not stand in the
// files, such as an attribute left at its default, it gives the block around
// it; false means that not even that is there.
func (c *Config) Locate(path diag.Path) (hcl.Range, bool) { return c.places.locate(path) }
