//go:build linux

package life_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// ways are the shapes in which IdPs say that somebody left, with the method.
var ways = []struct{ name, method, body string }{
	{"Okta's", http.MethodPatch, patch(`{"op":"replace","value":{"active":false}}`)},
	{"Entra's of before 2020", http.MethodPatch, patch(`{"op":"Replace","path":"active","value":"False"}`)},
	{"Entra's", http.MethodPatch, patch(`{"op":"replace","path":"active","value":false}`)},
	{"in a list", http.MethodPatch, patch(`{"op":"Replace","path":"active","value":[{"value":"False"}]}`)},
	{"add", http.MethodPatch, patch(`{"op":"add","path":"active","value":false}`)},
	{"add without a path", http.MethodPatch, patch(`{"op":"Add","value":{"active":"false"}}`)},
	{"the path in full", http.MethodPatch, patch(`{"op":"replace","path":"` + userSchema + `:active","value":false}`)},
	{"among others", http.MethodPatch, patch(`{"op":"replace","path":"title","value":"Former"}`, `{"op":"replace","path":"active","value":false}`)},
	{"replaced as a whole", http.MethodPut, `{"schemas":["` + userSchema + `"],"userName":"NAME","active":false}`},
	{"as a text", http.MethodPut, `{"schemas":["` + userSchema + `"],"userName":"NAME","active":"False"}`},
	{"deleted", http.MethodDelete, ""},
	{"in Bulk", "BULK PATCH", `{"op":"replace","path":"active","value":false}`},
	{"deleted in Bulk", "BULK DELETE", ""},
}

// leave says in one of the ways that somebody left, and fails unless it is
// acknowledged.
func (l leaver) leave(t *testing.T, idp *gatehousetest.SCIM, method, body string) {
	t.Helper()
	if method == http.MethodPut {
		body = replaced(body, l.name)
	}
	var a gatehousetest.SCIMAnswer
	switch method {
	case "BULK PATCH":
		a = idp.Send(http.MethodPost, "/Bulk", fmt.Sprintf(`{"schemas":[%q],"Operations":[{"method":"PATCH","path":"/Users/%s","data":%s}]}`, bulkSchema, l.id, patch(body)))
	case "BULK DELETE":
		a = idp.Send(http.MethodPost, "/Bulk", fmt.Sprintf(`{"schemas":[%q],"Operations":[{"method":"DELETE","path":"/Users/%s"}]}`, bulkSchema, l.id))
	default:
		a = idp.Send(method, "/Users/"+l.id, body)
	}
	if a.Status/100 != 2 {
		t.Fatalf("status %d: %s", a.Status, a.Text)
	}
	if operations, ok := a.Body["Operations"].([]any); ok {
		for _, o := range operations {
			if status := fmt.Sprint(o.(map[string]any)["status"]); status[0] != '2' {
				t.Fatalf("an operation was answered %s: %s", status, a.Text)
			}
		}
	}
}

// Whoever leaves, in whatever shape, is out with the very next request, also
// while their key is in use from everywhere.
func TestWhoLeavesIsOutFromTheNextRequest(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		h := start(t, gatehousetest.Options{Store: url}, linked("acme-okta", "acme"))
		idp := h.SCIM("acme-okta")
		var all []leaver
		var ids []string
		for i := range ways {
			l := join(h, idp, "acme", fmt.Sprintf("leaver-%d", i))
			all, ids = append(all, l), append(ids, l.id)
		}
		stays := join(h, idp, "acme", "stays")
		may(t, h, stays.key, http.StatusForbidden) // until she is in the group
		idp.Create("/Groups", group("Analysts", append(ids, stays.id)...))
		may(t, h, stays.key, accepted)
		for i, way := range ways {
			underLoad(t, h, all[i], way.name, func() { all[i].leave(t, idp, way.method, way.body) })
			may(t, h, stays.key, accepted)
		}
	})
}

// underLoad lets somebody leave whose key is in use, and fails if a request
// passes that was sent after it was acknowledged.
func underLoad(t *testing.T, h *gatehousetest.Host, l leaver, how string, leave func()) {
	t.Helper()
	var acknowledged, done atomic.Bool
	var passed, refused, late atomic.Int64
	var load sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 4 {
		load.Go(func() {
			for !done.Load() {
				after := acknowledged.Load()
				status, text, err := call(ctx, h, l.key)
				switch {
				case err != nil:
					t.Errorf("%s: %v", how, err)
					return
				case status == accepted && after:
					late.Add(1)
				case status == accepted:
					passed.Add(1)
				case status == http.StatusForbidden:
					refused.Add(1)
				default:
					t.Errorf("%s: status %d: %s", how, status, text)
				}
			}
		})
	}
	defer func() { done.Store(true); load.Wait() }()
	gatehousetest.Eventually(t, how+": the key is in use", func() bool { return passed.Load() > 10 })
	leave()
	acknowledged.Store(true)
	gatehousetest.Eventually(t, how+": the key is refused", func() bool { return refused.Load()+late.Load() > 10 })
	if n := late.Load(); n > 0 {
		t.Errorf("%s: %d requests passed that were sent after it was acknowledged", how, n)
	}
}

// A window of a minute, and a clock that is set ahead, so that nobody waits.
const brief = `brake {
    window = "1m"
  }`

// Whoever comes back has their roles again and not their key: it was stopped, and
// is revoked when the window ends.
func TestWhoComesBackDoesNotHaveTheirKey(t *testing.T) {
	t.Parallel()
	h := start(t, gatehousetest.Options{}, linked("acme-okta", "acme", brief))
	idp := h.SCIM("acme-okta")
	jane, joe := join(h, idp, "acme", "jane"), join(h, idp, "acme", "joe")
	idp.Create("/Groups", group("Analysts", jane.id, joe.id))
	may(t, h, jane.key, accepted)

	back := func(l leaver, active bool) {
		t.Helper()
		idp.Must(http.StatusOK, http.MethodPatch, "/Users/"+l.id, patch(fmt.Sprintf(`{"op":"replace","path":"active","value":%v}`, active)))
	}
	back(jane, false)
	may(t, h, jane.key, http.StatusForbidden)
	back(jane, true)
	may(t, h, jane.key, http.StatusForbidden)
	second := h.NewKey("second-of-jane", "--organization", "acme", "--owner", jane.id, "--role", "analyst")
	may(t, h, second, accepted) // her group counts again

	h.JumpClock(2 * time.Minute)
	var detail struct {
		Keys []struct {
			State  string `json:"state"`
			Reason string `json:"revoked_reason"`
		} `json:"keys"`
	}
	gatehousetest.Eventually(t, "the key is revoked at the end of the window", func() bool {
		h.JSON(&detail, "keys", "show", jane.key.Client)
		return detail.Keys[0].State == "revoked"
	})
	if detail.Keys[0].Reason != "its owner left" {
		t.Errorf("the reason is %q", detail.Keys[0].Reason)
	}
	back(jane, false)
	back(jane, true)
	may(t, h, jane.key, http.StatusUnauthorized)
	may(t, h, joe.key, accepted)
}

// A name may be used again as soon as its user is deleted, and is another's then:
// nothing of the first comes with it.
func TestADeletedNameIsFree(t *testing.T) {
	t.Parallel()
	h := start(t, gatehousetest.Options{}, linked("acme-okta", "acme"))
	idp := h.SCIM("acme-okta")
	first := join(h, idp, "acme", "jane")
	analysts := idp.Create("/Groups", group("Analysts", first.id))
	may(t, h, first.key, accepted)
	idp.Must(http.StatusConflict, http.MethodPost, "/Users", user("JANE"))
	for range 3 {
		idp.Must(http.StatusNoContent, http.MethodDelete, "/Users/"+first.id, "")
		idp.Must(http.StatusNotFound, http.MethodGet, "/Users/"+first.id, "")
		second := idp.Create("/Users", user("jane"))
		if second == first.id {
			t.Error("the id was used again")
		}
		if members := idp.Must(http.StatusOK, http.MethodGet, "/Groups/"+analysts, "").Body["members"]; members != nil {
			t.Errorf("the new Jane is in the group of the old one: %v", members)
		}
		may(t, h, first.key, http.StatusForbidden)
		first.id = second
	}
}

// A token that is revoked while the IdP uses it is refused from the next request
// on, and what it was told is there.
func TestATokenIsRevokedInMidSync(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		h := start(t, gatehousetest.Options{Store: url}, linked("acme-okta", "acme"))
		for round := range 3 {
			idp, other := h.SCIM("acme-okta"), h.SCIM("acme-okta")
			var revoked, done atomic.Bool
			var made sync.Map
			var passed, late, refused atomic.Int64
			var sync sync.WaitGroup
			for worker := range 4 {
				sync.Go(func() {
					for n := 0; !done.Load(); n++ {
						name := fmt.Sprintf("u-%d-%d-%d", round, worker, n)
						after := revoked.Load()
						a, err := idp.Try(t.Context(), http.MethodPost, "/Users", user(name))
						switch {
						case err != nil:
							t.Error(err)
							return
						case a.Status == http.StatusCreated && after:
							late.Add(1)
						case a.Status == http.StatusCreated:
							made.Store(name, a.Body["id"])
							passed.Add(1)
						case a.Status == http.StatusUnauthorized:
							refused.Add(1)
						default:
							t.Errorf("status %d: %s", a.Status, a.Text)
							return
						}
					}
				})
			}
			gatehousetest.Eventually(t, "the sync is under way", func() bool { return passed.Load() > 20 })
			if r := h.CLI("scim-token", "revoke", idp.ID); r.Status != 0 {
				t.Fatal(r.Err)
			}
			revoked.Store(true)
			gatehousetest.Eventually(t, "the token is refused", func() bool { return refused.Load()+late.Load() > 10 })
			done.Store(true)
			sync.Wait()
			if n := late.Load(); n > 0 {
				t.Errorf("%d requests passed that were sent after the revocation", n)
			}
			made.Range(func(name, id any) bool {
				if a := other.Send(http.MethodGet, fmt.Sprint("/Users/", id), ""); a.Status != http.StatusOK || a.Body["userName"] != name {
					t.Errorf("%v was acknowledged, and is not there: %d %s", name, a.Status, a.Text)
				}
				return true
			})
			if r := h.CLI("scim-token", "revoke", other.ID); r.Status != 0 {
				t.Fatal(r.Err)
			}
		}
	})
}

// replaced puts a user's name into a body.
func replaced(body, name string) string { return strings.Replace(body, "NAME", name, 1) }
