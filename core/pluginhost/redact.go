//go:build unix

package pluginhost

import (
	"encoding/json"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// redactLimit is the shortest text that is searched for: a shorter one is found
// everywhere and is no secret.
const redactLimit = 4

// redact takes the values of sensitive attributes out of what a plugin says
// about its configuration. A plugin is told not to repeat them; this holds when
// one does.
func redact(ds diag.Diagnostics, secrets []string) {
	var pairs []string
	for _, text := range secrets {
		pairs = append(pairs, text, "[redacted]")
	}
	replacer := strings.NewReplacer(pairs...)
	for i := range ds {
		ds[i].Summary = replacer.Replace(ds[i].Summary)
		ds[i].Detail = replacer.Replace(ds[i].Detail)
	}
}

// sensitive are the values of a block that nobody may see.
func sensitive(values json.RawMessage, s schema.Schema) []string {
	var block any
	if json.Unmarshal(values, &block) != nil {
		return nil
	}
	return sensitiveTexts(block, s)
}

// sensitiveTexts are the texts in the sensitive attributes of a block and of
// the blocks within it.
func sensitiveTexts(block any, s schema.Schema) []string {
	object, ok := block.(map[string]any)
	if !ok {
		return nil
	}
	var out []string
	for _, a := range s.Attributes {
		if a.Sensitive {
			out = append(out, texts(object[a.Name])...)
		}
	}
	for _, b := range s.Blocks {
		inner, ok := object[b.Name].([]any)
		if !ok {
			inner = []any{object[b.Name]}
		}
		for _, one := range inner {
			out = append(out, sensitiveTexts(one, b.Schema)...)
		}
	}
	return out
}

func texts(value any) []string {
	var out []string
	switch v := value.(type) {
	case string:
		if len(v) >= redactLimit {
			out = append(out, v)
		}
	case []any:
		for _, one := range v {
			out = append(out, texts(one)...)
		}
	case map[string]any:
		for _, one := range v {
			out = append(out, texts(one)...)
		}
	}
	return out
}
