package patch_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/patch"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
)

// entraUser has the size and the shape of what Entra creates.
const entraUser = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
"externalId":"0f8fad5b-d9cb-469f-a165-70867728950e","userName":"ida.berg@corp.test","active":true,"displayName":"Ida Berg","title":"Lead Engineer",
"preferredLanguage":"de-CH","name":{"formatted":"Ida Berg","familyName":"Berg","givenName":"Ida"},
"emails":[{"primary":true,"type":"work","value":"ida.berg@corp.test"}],
"addresses":[{"primary":false,"type":"work","country":"CH","locality":"Bern","postalCode":"3011","streetAddress":"Kramgasse 49"}],
"phoneNumbers":[{"type":"work","value":"+41 31 555 01 00"},{"type":"mobile","value":"+41 79 555 01 00"}],
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"4711","department":"Engineering","manager":{"value":"0190f6a2-7b1d-7c41-9a52-0a1b2c3d4e5f"}},
"meta":{"resourceType":"User"}}`

func BenchmarkNormalize(b *testing.B) {
	users, err := schema.Users()
	if err != nil {
		b.Fatal(err)
	}
	data := []byte(entraUser)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			object, err := body.DecodeObject(data, 1<<20)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := patch.Normalize(users, object, nil, dialect.All().Read()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v map[string]any
			if err := json.Unmarshal(data, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := body.DecodeObject(data, 1<<20); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMembers(b *testing.B) {
	groups, err := schema.Groups()
	if err != nil {
		b.Fatal(err)
	}
	var removes, adds []string
	for i := range 10_000 {
		removes = append(removes, fmt.Sprintf(`{"op":"remove","path":"members[value eq \"0190f6a2-7b1d-7c41-9a52-%012d\"]"}`, i))
		adds = append(adds, fmt.Sprintf(`{"value":"0190f6a2-7b1d-7c41-9a52-%012d"}`, i))
	}
	for _, bench := range []struct{ name, ops string }{
		{"remove-1000", strings.Join(removes[:1000], ",")},
		{"remove-10000", strings.Join(removes, ",")},
		{"add-1000", `{"op":"add","path":"members","value":[` + strings.Join(adds[:1000], ",") + `]}`},
		{"add-10000", `{"op":"add","path":"members","value":[` + strings.Join(adds, ",") + `]}`},
	} {
		data := []byte(`{"schemas":["` + patch.PatchOpURN + `"],"Operations":[` + bench.ops + `]}`)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := dialect.All().Read()
				object, err := body.DecodeObject(data, 4<<20)
				if err != nil {
					b.Fatal(err)
				}
				ops, err := patch.ParseOps(object, r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := patch.Apply(groups, map[string]any{"displayName": "Eng"}, ops, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
