//go:build linux

package life_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// What an operator reads after people came, left and came back: in the log of the
// IdP's requests who it was and what became of them, and how the connection is.
func TestWhatTheOperatorReads(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		h := start(t, gatehousetest.Options{Store: url}, linked("acme-okta", "acme"), linked("globex-okta", "globex"))
		idp := h.SCIM("acme-okta")
		jane := idp.Create("/Users", user("jane"))
		idp.Create("/Users", user("joe"))
		for _, way := range []string{`"title","value":"Analyst"`, `"active","value":false`, `"active","value":true`, `"active","value":"True"`} {
			idp.Must(http.StatusOK, http.MethodPatch, "/Users/"+jane, patch(`{"op":"replace","path":`+way+`}`))
		}
		idp.Must(http.StatusOK, http.MethodPut, "/Users/"+jane, replaced(`{"schemas":["`+userSchema+`"],"userName":"NAME","active":false}`, "jane"))

		var log admin.ExchangeList
		h.JSON(&log, "scim-log", "acme-okta")
		var did []string
		for _, e := range slices.Backward(log.Exchanges) {
			for _, c := range e.Changes {
				did = append(did, c.What+" "+c.Name)
			}
		}
		want := []string{"created jane", "created joe", "replaced jane", "deactivated jane", "reactivated jane", "deactivated jane"}
		if diff := cmp.Diff(want, did); diff != "" {
			t.Errorf("the log (-want +got):\n%s", diff)
		}
		var list admin.ConnectionPage
		h.JSON(&list, "connections", "list")
		if len(list.Connections) != 2 {
			t.Fatalf("connections: %+v", list)
		}
		acme, globex := list.Connections[0], list.Connections[1]
		if acme.Label != "acme-okta" || acme.ActiveUsers != 1 || acme.LiveTokens != 1 || acme.Brake != "open" || acme.LastRequest.IsZero() || acme.LastStatus != 200 ||
			len(acme.Provisioners) != 1 || acme.Provisioners[0].URL == "" {
			t.Errorf("%+v", acme)
		}
		if globex.Label != "globex-okta" || globex.ActiveUsers != 0 || globex.LiveTokens != 0 || globex.Brake != "closed" || !globex.LastRequest.IsZero() {
			t.Errorf("%+v", globex)
		}
		if r := h.CLI("pull", "acme-okta"); r.Status == 0 {
			t.Errorf("an IdP that pushes is asked: %s", r.Out)
		}
	})
}
