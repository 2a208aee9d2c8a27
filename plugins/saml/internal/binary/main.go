// Command binary is the plugin as a binary of its own, for tests that run it in
// a process. Gatehouse carries the same plugin inside of its own binary.
package main

import (
	"github.com/gatehouse-id/gatehouse/plugins/saml"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
)

func main() { plugin.Serve(saml.Plugin()) }
