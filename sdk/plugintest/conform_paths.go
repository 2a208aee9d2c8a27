package plugintest

import (
	"strconv"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// soundDiagnostics: each says something, of an attribute that exists.
func (s *suite) soundDiagnostics(name string, ds diag.Diagnostics) {
	for _, d := range ds {
		if d.Summary == "" {
			s.Errorf("%s: a diagnostic without a summary: %v", name, d)
		}
		if !exists(s.kind.Schema, d.Path) {
			s.Errorf("%s: there is no attribute %q in the schema: %v", name, d.Path, d)
		}
	}
}

// exists reports whether a path leads to something that a block of the schema
// can hold.
func exists(in schema.Schema, path diag.Path) bool {
	if len(path) == 0 {
		return true
	}
	for _, b := range in.Blocks {
		if b.Name != path[0] {
			continue
		}
		rest := path[1:]
		if b.Repeated && len(rest) > 0 {
			if _, err := strconv.ParseUint(rest[0], 10, 31); err != nil {
				return false
			}
			rest = rest[1:]
		}
		return exists(b.Schema, rest)
	}
	for _, a := range in.Attributes {
		if a.Name == path[0] {
			return len(path) == 1 || (len(path) == 2 && (a.Type == schema.Strings || a.Type == schema.Map))
		}
	}
	return false
}
