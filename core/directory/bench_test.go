package directory_test

import (
	"fmt"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// peopled is a directory with so many users, all of them members of group "all".
func peopled(b *testing.B, n int) *room {
	b.Helper()
	r := open(b, storetest.Open(b, storetest.SQLite(b)))
	r.apply(acme, group("all", "All"))
	var everybody []string
	for i := 0; i < n; i += 1000 {
		changes := make([]sdk.Change, 0, 1000)
		for j := range 1000 {
			id := fmt.Sprintf("u%06d", i+j)
			everybody = append(everybody, id)
			changes = append(changes, person(id))
		}
		r.apply(acme, changes...)
	}
	r.apply(acme, sdk.Members{Group: "all", All: true, Add: everybody})
	return r
}

func person(id string) sdk.Create {
	return user(id, id+"@acme.example", "displayName", "User "+id, "name", `{"givenName":"Ada","familyName":"Byron"}`,
		"emails", `[{"value":"`+id+`@acme.example","type":"work","primary":true}]`, "title", "Countess", "active", "true",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", `{"department":"Engines","employeeNumber":"7"}`)
}

// BenchmarkDirectory measures what an IdP asks for most in a small and in a large
// connection: what has a name in both is to cost the same. With -short it leaves
// the large one out.
func BenchmarkDirectory(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		if n > 1000 && testing.Short() {
			continue
		}
		b.Run(fmt.Sprintf("of=%d", n), func(b *testing.B) { benchmarkAll(b, n) })
	}
}

func benchmarkAll(b *testing.B, n int) {
	b.Helper()
	r := peopled(b, n)
	i := 0
	next := func() string {
		i++
		return fmt.Sprintf("u%06d", i*7919%n)
	}
	b.Run("create", func(b *testing.B) {
		for b.Loop() {
			i++
			r.apply(acme, person(fmt.Sprintf("new%d", i)))
		}
	})
	b.Run("look up by userName", func(b *testing.B) {
		for b.Loop() {
			q := sdk.Query{Type: sdk.User, Filter: equal("userName", next()+"@acme.example"), Limit: 100, Attributes: true, Groups: true}
			if page := r.find(acme, q); len(page.Resources) != 1 {
				b.Fatal(page)
			}
		}
	})
	b.Run("replace one attribute", func(b *testing.B) {
		for b.Loop() {
			id := next()
			changed := person(id)
			changed.Resource.Attributes = doc("userName", id+"@acme.example", "title", fmt.Sprint(i))
			r.apply(acme, sdk.Replace{Resource: changed.Resource})
		}
	})
	b.Run("add and remove one member", func(b *testing.B) {
		id := next()
		r.apply(acme, sdk.Members{Group: "all", Remove: []string{id}})
		for b.Loop() {
			r.apply(acme, sdk.Members{Group: "all", Add: []string{id}})
			r.apply(acme, sdk.Members{Group: "all", Remove: []string{id}})
		}
	})
	b.Run("add 1000 members", func(b *testing.B) {
		var ids []string
		for range 1000 {
			ids = append(ids, next())
		}
		for b.Loop() {
			i++
			id := fmt.Sprintf("g%d", i)
			r.apply(acme, group(id, id), sdk.Members{Group: id, Add: ids})
		}
	})
	benchmarkPages(b, r)
}

func benchmarkPages(b *testing.B, r *room) {
	b.Helper()
	first := sdk.Query{Type: sdk.User, Limit: 100, Attributes: true}
	before, last, cursor := first, first, first
	total := r.find(acme, first).Total
	last.Start = total - 100
	before.Start = total - 200
	cursor.Cursor = r.find(acme, before).Next // whoever reads the last page has read the one before
	for _, page := range []struct {
		name string
		q    sdk.Query
	}{{"first page", first}, {"last page", last}, {"last page by cursor", cursor}} {
		b.Run(page.name, func(b *testing.B) {
			for b.Loop() {
				if page := r.find(acme, page.q); len(page.Resources) != 100 || page.Total != total {
					b.Fatal(page.Total)
				}
			}
		})
	}
	b.Run("filter without index", func(b *testing.B) {
		f := sdk.Filter{Op: sdk.Equal, Path: sdk.Path{"title"}, Value: "nobody"}
		for b.Loop() {
			r.find(acme, sdk.Query{Type: sdk.User, Filter: &f, Limit: 100})
		}
	})
}
