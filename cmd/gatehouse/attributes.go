package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// shown are attributes that a user is shown with in other lines.
var shown = []string{"userName", "displayName", "active", "externalId", "schemas", "id", "meta"}

// attributesOf are the attributes of a user as one reads them, under the names
// that filters and mappings have for them: name.givenName, emails[work]. Those of
// an extension (RFC 7643 §3.3) come last.
func attributesOf(document json.RawMessage) ([]field, error) {
	if len(document) == 0 {
		return nil, nil
	}
	var all map[string]any
	if err := json.Unmarshal(document, &all); err != nil {
		return nil, problem.Wrap(err, problem.Internal, "the host's answer has attributes that are no object")
	}
	var core, extended []field
	for _, name := range slices.Sorted(maps.Keys(all)) {
		inner, isObject := all[name].(map[string]any)
		switch {
		case slices.Contains(shown, name):
		case isObject && strings.HasPrefix(name, "urn:"):
			for _, f := range fieldsOf("", inner) {
				extended = append(extended, field{extension(name) + f.name, f.value})
			}
		default:
			core = append(core, fieldsOf(name, all[name])...)
		}
	}
	return append(core, extended...), nil
}

// extension is how the attributes of one begin: shortened for the one that
// RFC 7643 §4.3 defines.
func extension(urn string) string {
	if strings.EqualFold(urn, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User") {
		return "enterprise:"
	}
	return urn + ":"
}

func fieldsOf(name string, value any) (list []field) {
	switch value := value.(type) {
	case map[string]any:
		for _, sub := range slices.Sorted(maps.Keys(value)) {
			path := sub
			if name != "" {
				path = name + "." + sub
			}
			list = append(list, fieldsOf(path, value[sub])...)
		}
	case []any:
		for _, one := range value {
			list = append(list, fieldsOf(element(name, one))...)
		}
	default:
		list = append(list, field{name, fmt.Sprint(value)})
	}
	return list
}

// element is one value of several (RFC 7643 §2.4), by its type if it has one. Of
// those with nothing but a value, that is shown.
func element(name string, one any) (path string, value any) {
	parts, ok := one.(map[string]any)
	if !ok {
		return name, one
	}
	rest := maps.Clone(parts)
	if kind, ok := rest["type"].(string); ok && kind != "" {
		name += "[" + kind + "]"
	}
	delete(rest, "type")
	if rest["primary"] == false {
		delete(rest, "primary")
	}
	if v, only := rest["value"]; only {
		if len(rest) == 1 {
			return name, v
		}
		if rest["primary"] == true && len(rest) == 2 {
			return name, fmt.Sprint(v) + " (primary)"
		}
	}
	return name, rest
}
