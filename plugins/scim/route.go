package scim

import (
	"net/http"
	"strings"
)

// place is what a path leads to.
type place int

const (
	nowhere place = iota
	root
	rootSearch
	collection
	collectionSearch
	single
	me
	bulk
	providerConfig
	schemas
	resourceTypes
)

// methods are those of RFC 7644 §3.2 for each place, as Allow names them.
var methods = map[place]string{
	root: "GET, HEAD", rootSearch: "POST",
	collection: "GET, HEAD, POST", collectionSearch: "POST",
	single: "GET, HEAD, PUT, PATCH, DELETE",
	me:     "GET, HEAD, POST, PUT, PATCH, DELETE",
	bulk:   "POST", providerConfig: "GET, HEAD", schemas: "GET, HEAD", resourceTypes: "GET, HEAD",
}

// target is a path that was understood.
type target struct {
	place place
	kind  *kind  // of collections and resources
	id    string // of a resource, a schema, or a resource type
}

// route reads a path below the mount. The case of the first segment does not
// count, nor do slashes too many (rule N1): IdPs send both.
func (h *handler) route(path string) target {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		if parts = append(parts, part); len(parts) > 2 {
			return target{}
		}
	}
	if len(parts) == 0 {
		return target{place: root}
	}
	first := strings.ToLower(parts[0])
	if k := h.endpoints[first]; k != nil {
		switch {
		case len(parts) == 1:
			return target{place: collection, kind: k}
		case strings.EqualFold(parts[1], ".search"):
			return target{place: collectionSearch, kind: k}
		default:
			return target{place: single, kind: k, id: parts[1]}
		}
	}
	t := target{place: fixed[first]}
	if len(parts) == 2 {
		if t.place != schemas && t.place != resourceTypes {
			return target{}
		}
		t.id = parts[1]
	}
	return t
}

// fixed are the endpoints that no resource type may have.
var fixed = map[string]place{
	".search": rootSearch, "me": me, "bulk": bulk,
	"serviceproviderconfig": providerConfig, "schemas": schemas, "resourcetypes": resourceTypes,
}

func allowed(p place, method string) bool {
	for m := range strings.SplitSeq(methods[p], ", ") {
		if m == method {
			return true
		}
	}
	return false
}

var errNowhere = fail(http.StatusNotFound, "", "There is nothing at this path. It may be misspelt, or of a resource type that is not configured.")
