package plugintest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

type object = map[string]json.RawMessage

// fit does with values what the host does with an HCL block: it reports what
// the schema does not allow, and fills in defaults.
func (h *Harness) fit(kind string, values any, unknown []string) (json.RawMessage, diag.Diagnostics, error) {
	s, ok := h.schemaOf(kind)
	if !ok {
		return nil, nil, fmt.Errorf("plugin %q has no kind %q", h.description.Name, kind)
	}
	in, err := asObject(values)
	if err != nil {
		return nil, nil, err
	}
	f := fitter{unknown: unknown}
	config, err := json.Marshal(f.block(s, in, nil))
	return config, f.ds, err
}

func asObject(values any) (object, error) {
	text, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("the values are no block: %w", err)
	}
	var in object
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, fmt.Errorf("the values are no block: %w", err)
	}
	return in, nil
}

type fitter struct {
	unknown []string
	ds      diag.Diagnostics
}

func (f *fitter) block(s schema.Schema, in object, at diag.Path) object {
	in, out := maps.Clone(in), object{}
	take := func(name string) (json.RawMessage, diag.Path) {
		value, path := in[name], append(slices.Clone(at), name)
		delete(in, name)
		if string(value) == "null" {
			value = nil
		}
		return value, path
	}
	for _, a := range s.Attributes {
		value, path := take(a.Name)
		if value = f.attribute(a, value, path); value != nil {
			out[a.Name] = value
		}
	}
	for _, b := range s.Blocks {
		if value, path := take(b.Name); value != nil {
			out[b.Name] = f.nested(b, value, path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		f.ds.Errorf(append(slices.Clone(at), name), "Unsupported argument", "An argument or block of this name is not expected here.")
	}
	return out
}

func (f *fitter) attribute(a schema.Attribute, value json.RawMessage, at diag.Path) json.RawMessage {
	switch {
	case slices.Contains(f.unknown, at.String()):
		return nil
	case value == nil && a.Required:
		f.ds.Errorf(at, "Missing required argument", "The argument %q is required.", a.Name)
	case value == nil && a.Default != nil:
		text, err := json.Marshal(a.Default)
		if err != nil {
			f.ds.Errorf(at, "Default of no type", "The schema's default cannot be written.")
		}
		return text
	case value != nil:
		if err := a.Type.Accepts(value); err != nil {
			f.ds.Errorf(at, "Incorrect value type", "A %s is expected.", a.Type)
		}
	}
	return value
}

func (f *fitter) nested(b schema.Block, value json.RawMessage, at diag.Path) json.RawMessage {
	var out any
	var one object
	var many []object
	switch {
	case !b.Repeated && json.Unmarshal(value, &one) == nil:
		out = f.block(b.Schema, one, at)
	case b.Repeated && json.Unmarshal(value, &many) == nil:
		list := []object{}
		for i, in := range many {
			list = append(list, f.block(b.Schema, in, append(slices.Clone(at), strconv.Itoa(i))))
		}
		out = list
	default:
		f.ds.Errorf(at, "Incorrect block", "An object is expected, or a list of them where the block may stand several times.")
		return nil
	}
	text, err := json.Marshal(out)
	if err != nil {
		f.ds.Errorf(at, "Incorrect block", "It cannot be written: %v.", err)
	}
	return text
}
