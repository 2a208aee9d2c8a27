package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
)

// places is where everything stands: by path, the headers of blocks and the
// expressions of attributes and their elements. The first of two wins.
type places map[string]hcl.Range

func key(path diag.Path) string { return strings.Join(path, "\x00") }

func (p places) add(path diag.Path, at hcl.Range) {
	if _, taken := p[key(path)]; !taken {
		p[key(path)] = at
	}
}

// locate gives the place of path, or of the nearest thing around it.
func (p places) locate(path diag.Path) (hcl.Range, bool) {
	for n := len(path); n > 0; n-- {
		if at, ok := p[key(path[:n])]; ok {
			return at, true
		}
	}
	return hcl.Range{}, false
}
