package filter_test

import (
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
)

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := filter.Parse(`userName eq "a"`, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePath(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := filter.ParsePath(`members[value eq "0190f6a2-7b1d-7c41-9a52-0a1b2c3d4e5f"]`, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	users, err := schema.Users()
	if err != nil {
		b.Fatal(err)
	}
	r := dialect.All().Read()
	b.ReportAllocs()
	for b.Loop() {
		e, err := filter.Parse(`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "HR" and active eq true`, r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := filter.Compile(e, users, r); err != nil {
			b.Fatal(err)
		}
	}
}
