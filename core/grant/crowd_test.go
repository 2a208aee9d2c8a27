package grant_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// Six IdPs of one organization roll out at once, with mappings for some: none is
// told to come again, and everybody has the roles that they are to have.
func TestSeveralIdPsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const idps, callers, users = 6, 6, 4
		w.protected = []string{"r1", "r2"} // taking one looks at the others
		var connections []grant.Connection
		var mappings []policy.Mapping
		for i := range idps {
			label := fmt.Sprint("idp-", i)
			connections = append(connections, grant.Connection{Label: label, Organization: "acme"})
			if i < idps/2 {
				mappings = append(mappings, mapping(t, label, "data-"+label, "r1", "", "Data"), mapping(t, label, "sales-"+label, "r2", "Sales"))
			}
		}
		p := w.compile(mappings...)
		w.policy = p
		if err := w.store.Write(t.Context(), func(tx *store.Tx) error { return w.Declare(t.Context(), tx, connections, p) }); err != nil {
			t.Fatal(err)
		}
		w.clear()
		var all sync.WaitGroup
		for i := range idps {
			s := directory.Scope{Organization: "acme", Connection: connections[i].Label}
			data := fmt.Sprint("g", i)
			w.apply(s, sdk.Create{Resource: group(data, "Data")})
			for c := range callers {
				all.Go(func() {
					for n := range users {
						id := fmt.Sprintf("u%d-%d-%d", i, c, n)
						for _, change := range []sdk.Change{
							sdk.Create{Resource: user(id, "", true)}, sdk.Members{Group: data, Add: []string{id}}, sdk.Replace{Resource: user(id, "Sales", n%2 == 0)},
						} {
							if _, err := w.directory.Apply(t.Context(), directory.By{Actor: "connection:" + s.Connection, TraceID: "trace"}, s, []sdk.Change{change}); err != nil {
								t.Errorf("%s: %v", id, err)
							}
						}
					}
				})
			}
		}
		all.Wait()
		for i := range idps {
			for n := range users {
				want := 0
				if i < idps/2 && n%2 == 0 {
					want = 2
				}
				if has := w.has(fmt.Sprintf("u%d-0-%d", i, n)); len(has) != want {
					t.Errorf("user %d of IdP %d has %q", n, i, has)
				}
			}
		}
	})
}
