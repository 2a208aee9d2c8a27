package provisioning

import (
	"net/url"
	"strings"
)

// mountOf finds the mount that a path is at or below, the longest if one is
// within another.
func mountOf(path string, mounts []Mounted) (found Mounted, ok bool) {
	for _, m := range mounts {
		if below(path, m.Path) && len(m.Path) > len(found.Path) {
			found, ok = m, true
		}
	}
	return found, ok
}

func below(path, mount string) bool {
	rest, ok := strings.CutPrefix(path, mount)
	return ok && mount != "" && (rest == "" || rest[0] == '/')
}

// target is what a provisioner sees of a URL: the path below the mount, escaped,
// with the query. The label of the token's own connection may stand first
// (/scim/v2/acme-okta/Users); it is then part of where the mount is seen from
// outside, and named is true. Every other first segment is the provisioner's to
// answer for: that of another connection is as unknown to it as one that is
// nobody's.
func target(u *url.URL, mount, connection string) (target string, named bool) {
	path := u.EscapedPath()[len(mount):]
	if rest, ok := strings.CutPrefix(path, "/"+connection); ok && (rest == "" || rest[0] == '/') {
		path, named = rest, true
	}
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return path, named
}
