package config

import (
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// tree turns a decoded block into the object that a plugin receives.
type tree struct {
	schema schema.Schema
	block  *block
	path   diag.Path // from the plugin's block
}

// object gives the values by name, and collects the paths of those that are
// not known yet and the texts that no message may repeat.
func (t tree) object(unknown *[]diag.Path, secrets *[]string) map[string]any {
	out := map[string]any{}
	for _, s := range t.schema.Attributes {
		a, ok := t.block.attrs[s.Name]
		switch {
		case !ok:
			continue
		case a.unknown:
			*unknown = append(*unknown, append(slices.Clone(t.path), s.Name))
			continue
		case a.concealed:
			*secrets = append(*secrets, textsOf(a.value)...)
		}
		out[s.Name] = a.value
	}
	for _, s := range t.schema.Blocks {
		var list []any
		for _, b := range t.block.blocks[s.Name] {
			// The parts of the path below the block: its name, and its number if it is repeated.
			below := append(slices.Clone(t.path), b.path[len(t.block.path):]...)
			list = append(list, tree{schema: s.Schema, block: b, path: below}.object(unknown, secrets))
		}
		switch {
		case s.Repeated:
			out[s.Name] = append([]any{}, list...)
		case len(list) > 0:
			out[s.Name] = list[0]
		}
	}
	return out
}

// textsOf gives the texts of a value, and the lines of each.
func textsOf(value any) []string {
	var texts []string
	switch v := value.(type) {
	case string:
		texts = []string{v}
	case []string:
		texts = slices.Clone(v)
	case map[string]string:
		for _, k := range sortedKeys(v) {
			texts = append(texts, v[k])
		}
	}
	for _, t := range texts {
		if strings.Contains(t, "\n") {
			texts = append(texts, strings.Split(t, "\n")...)
		}
	}
	return texts
}
