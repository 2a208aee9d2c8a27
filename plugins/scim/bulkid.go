package scim

import (
	"net/http"
	"slices"
	"strings"
)

// referencePrefix begins a value that stands for the id of what another
// operation makes (RFC 7644 §3.7.2).
const referencePrefix = "bulkId:"

// references lists the bulkIds that a path's id and data refer to, each once.
func references(id string, data map[string]any) []string {
	seen := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if name, ok := strings.CutPrefix(v, referencePrefix); ok {
				seen[name] = true
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(id)
	walk(data)
	var list []string
	for name := range seen {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// resolve puts ids where the data of an operation has references. In a circle
// the data is without what refers to something that is not made yet.
func (b *batch) resolve(op *operation, circular bool) (map[string]any, error) {
	if len(op.needs) == 0 {
		return op.data, nil
	}
	ids := map[string]string{}
	for _, name := range op.needs {
		maker, ok := b.makers[name]
		switch {
		case ok && b.operations[maker].done && b.operations[maker].failed == nil && b.operations[maker].id != "":
			ids[name] = b.operations[maker].id
		case ok && circular && !b.operations[maker].failedAlready():
		default:
			return nil, fail(http.StatusConflict, "", "The operation refers to a bulkId that no operation has made: "+referencePrefix+name[:min(len(name), 80)]+".")
		}
	}
	data, _ := replaced(op.data, ids).(map[string]any)
	return data, nil
}

func (op *operation) failedAlready() bool { return op.done && op.failed != nil }

// unresolved stands for what is left out.
type unresolved struct{}

// replaced is a value with ids for its references. What refers to something
// without an id is unresolved, and so is an object whose value does.
func replaced(v any, ids map[string]string) any {
	switch v := v.(type) {
	case string:
		name, ok := strings.CutPrefix(v, referencePrefix)
		if !ok {
			return v
		}
		if id, ok := ids[name]; ok {
			return id
		}
		return unresolved{}
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			if e = replaced(e, ids); e != (unresolved{}) {
				list = append(list, e)
			}
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, e := range v {
			e = replaced(e, ids)
			if e != (unresolved{}) {
				object[name] = e
			} else if strings.EqualFold(name, "value") {
				return unresolved{}
			}
		}
		return object
	}
	return v
}

// resolvePath puts an id into a path such as /Users/bulkId:x, which resolve has
// found.
func (b *batch) resolvePath(op *operation) string {
	at := strings.LastIndexByte(op.path, '/') + 1
	if name, ok := strings.CutPrefix(op.path[at:], referencePrefix); ok {
		if maker, ok := b.makers[name]; ok {
			return op.path[:at] + b.operations[maker].id
		}
	}
	return op.path
}
