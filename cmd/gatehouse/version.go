package main

import (
	"runtime"
	"runtime/debug"
)

// version is set by the linker: -ldflags "-X main.version=1.2.3".
var version = "devel"

type versionCommand struct {
	JSON bool `name:"json" help:"Print it as JSON."`
}

// build is what there is to know of a binary.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

func (c *versionCommand) Run(t *terminal) error {
	b := build{Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	if c.JSON {
		return t.printJSON(b)
	}
	if b.Commit != "" {
		return t.printf("gatehouse %s (%s, %s, %s)\n", b.Version, b.Commit, b.Go, b.System)
	}
	return t.printf("gatehouse %s (%s, %s)\n", b.Version, b.Go, b.System)
}
