package house_test

import (
	"fmt"
	"slices"
	"strings"
)

// pkg is what `go list -json` says of a package, as far as it matters here.
type pkg struct {
	ImportPath   string
	Dir          string
	Name         string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	// Files that are built on other systems only.
	IgnoredGoFiles []string
}

// folder is the package's path below the top of the repository.
func (p pkg) folder() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// badImports lists the imports that break a rule.
func badImports(packages []pkg, rules []rule) []string {
	var bad []string
	for _, p := range packages {
		for _, r := range rules {
			if !below(p.folder(), r.from) || below(p.folder(), r.except) {
				continue
			}
			imports := p.Imports
			if r.tests {
				imports = slices.Concat(imports, p.TestImports, p.XTestImports)
			}
			for _, path := range imports {
				if below(strings.TrimPrefix(path, module+"/"), r.deny) {
					bad = append(bad, fmt.Sprintf("%s imports %s (%s)", p.folder(), path, r.name))
				}
			}
		}
	}
	slices.Sort(bad)
	return slices.Compact(bad)
}

// unknownRooms lists the packages of core that are in no room of the list.
func unknownRooms(packages []pkg) []string {
	var bad []string
	for _, p := range packages {
		room, ok := strings.CutPrefix(p.folder(), "core/")
		if room, _, _ = strings.Cut(room, "/"); ok && !slices.Contains(rooms, room) {
			bad = append(bad, p.folder()+" is in no room of the house")
		}
	}
	return bad
}

func below(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}
