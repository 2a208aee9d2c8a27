package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxPermission is how many segments a permission may have. The patterns that
// cover one of n segments are about 2^n, so the limit keeps them few.
const maxPermission = 8

// reserved is the first segment of the admin API's own permissions.
const reserved = "gatehouse"

var permissionSegment = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)

// checkPermission says what is wrong with the name of a permission. With
// pattern, a whole segment may be "*".
func checkPermission(name string, pattern bool) error {
	segments := strings.Split(name, ":")
	if len(segments) > maxPermission {
		return fmt.Errorf("%q has more than %d segments", name, maxPermission)
	}
	for _, s := range segments {
		switch {
		case s == "*" && pattern, permissionSegment.MatchString(s):
		case s == "*":
			return fmt.Errorf("%q: what a route asks for is one permission, without \"*\"", name)
		default:
			return fmt.Errorf("%q: a permission is segments of a-z, 0-9, \".\", \"_\" and \"-\" joined by \":\", such as \"query:execute\"", name)
		}
	}
	return nil
}

// covering lists, sorted, every pattern that matches the permission:
//
//   - a segment matches itself
//   - "*" in the last place matches one or more segments, whatever remains, so
//     "a:*" matches "a:b" and "a:b:c", not "a"; "*" alone matches everything
//   - "*" elsewhere matches exactly one segment
//   - the first segment "gatehouse" is matched by itself only: nobody gets the
//     admin API's permissions by a wildcard that was meant for the application
//
// To ask whether a set of patterns covers a permission is then to look for one
// of these in the set; no pattern is ever matched as text.
func covering(permission string) []string {
	segments := strings.Split(permission, ":")
	var found []string
	var extend func(prefix string, i int)
	extend = func(prefix string, i int) {
		last := i == len(segments)-1
		next := func(s string) {
			if last {
				found = append(found, prefix+s)
				return
			}
			extend(prefix+s+":", i+1)
		}
		next(segments[i])
		if i == 0 && segments[0] == reserved {
			return
		}
		if !last {
			found = append(found, prefix+"*")
		}
		next("*")
	}
	extend("", 0)
	slices.Sort(found)
	return found
}
