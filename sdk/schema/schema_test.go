package schema_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

func TestCheck(t *testing.T) {
	one := func(a schema.Attribute) schema.Schema { return schema.Schema{Attributes: []schema.Attribute{a}} }
	tests := map[string]struct {
		schema schema.Schema
		want   string // part of the error; "" is none
	}{
		"empty":                  {schema.Schema{}, ""},
		"good":                   {one(schema.Attribute{Name: "max_age", Type: schema.Duration, Default: "90s", Doc: "Age."}), ""},
		"list default":           {one(schema.Attribute{Name: "a", Type: schema.Strings, Default: []string{"x"}, Doc: "A."}), ""},
		"map default":            {one(schema.Attribute{Name: "a", Type: schema.Map, Default: map[string]string{"x": "y"}, Doc: "A."}), ""},
		"upper case name":        {one(schema.Attribute{Name: "MaxAge", Type: schema.String, Doc: "Age."}), "lower case"},
		"dash in a name":         {one(schema.Attribute{Name: "max-age", Type: schema.String, Doc: "Age."}), "lower case"},
		"no documentation":       {one(schema.Attribute{Name: "a", Type: schema.String}), "no documentation"},
		"unknown type":           {one(schema.Attribute{Name: "a", Type: "int", Doc: "A."}), "is no type"},
		"default of other type":  {one(schema.Attribute{Name: "a", Type: schema.Bool, Default: "yes", Doc: "A."}), "no bool"},
		"default no duration":    {one(schema.Attribute{Name: "a", Type: schema.Duration, Default: "soon", Doc: "A."}), "no duration"},
		"required and default":   {one(schema.Attribute{Name: "a", Type: schema.String, Required: true, Default: "x", Doc: "A."}), "required"},
		"sensitive and default":  {one(schema.Attribute{Name: "a", Type: schema.String, Sensitive: true, Default: "x", Doc: "A."}), "sensitive"},
		"default cannot be JSON": {one(schema.Attribute{Name: "a", Type: schema.String, Default: func() {}, Doc: "A."}), "no value"},
		"a block without docs":   {schema.Schema{Blocks: []schema.Block{{Name: "limit"}}}, "no documentation"},
		"an attribute and a block of one name": {schema.Schema{
			Attributes: []schema.Attribute{{Name: "limit", Type: schema.Number, Doc: "L."}},
			Blocks:     []schema.Block{{Name: "limit", Doc: "L."}},
		}, "twice"},
		"a mistake in a nested block": {schema.Schema{Blocks: []schema.Block{{
			Name: "limit", Doc: "L.", Schema: one(schema.Attribute{Name: "a", Type: "int", Doc: "A."}),
		}}}, `block "limit": attribute "a"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.schema.Check()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("a good schema was refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}
