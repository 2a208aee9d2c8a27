//go:build linux

package life_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// Requests that nobody means well are refused as SCIM refuses, over the whole way
// from the socket to the plugin, and what is well meant goes on beside them.
func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	h := start(t, gatehousetest.Options{}, linked("acme-okta", "acme"))
	idp := h.SCIM("acme-okta")
	jane := idp.Create("/Users", user("jane"))
	analysts := idp.Create("/Groups", group("Analysts", jane))

	const size = 17 << 20 // over the 16 MiB of a body
	operations := strings.Repeat(`{"op":"replace","path":"nickName","value":"x"},`, 10_000)
	tests := map[string]struct {
		method, path, body string
		statuses           []int
	}{
		"a body over the limit":        {"POST", "/Users", `{"schemas":["` + userSchema + `"],"userName":"` + strings.Repeat("a", size) + `"}`, []int{413}},
		"deep lists":                   {"POST", "/Users", strings.Repeat("[", 1_000_000), []int{400}},
		"deep objects":                 {"POST", "/Users", strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000), []int{400}},
		"a deep value":                 {"PATCH", "/Users/" + jane, patch(`{"op":"add","path":"title","value":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`), []int{400}},
		"a long filter":                {"GET", "/Users?filter=" + url.QueryEscape(strings.Repeat(`userName eq "a" or `, 20_000)+`title pr`), "", []int{400, 414, 431}},
		"a long filter in a body":      {"POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"` + strings.Repeat(`title pr or `, 90_000) + `title pr"}`, []int{400}},
		"a deep filter":                {"POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"` + strings.Repeat("(", 500_000) + `"}`, []int{400}},
		"many negations":               {"POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"` + strings.Repeat("not (", 100_000) + `title pr` + strings.Repeat(")", 100_000) + `"}`, []int{400}},
		"ten thousand operations":      {"PATCH", "/Users/" + jane, patch(strings.TrimSuffix(operations, ",")), []int{200, 400, 413}},
		"ten thousand in Bulk":         {"POST", "/Bulk", `{"schemas":["` + bulkSchema + `"],"Operations":[` + strings.TrimSuffix(strings.Repeat(`{"method":"DELETE","path":"/Users/x"},`, 10_000), ",") + `]}`, []int{413}},
		"a circle of bulkIds":          {"POST", "/Bulk", `{"schemas":["` + bulkSchema + `"],"Operations":[{"method":"POST","path":"/Groups","bulkId":"a","data":{"schemas":["` + groupSchema + `"],"displayName":"a","members":[{"value":"bulkId:b"}]}},{"method":"POST","path":"/Groups","bulkId":"b","data":{"schemas":["` + groupSchema + `"],"displayName":"b","members":[{"value":"bulkId:a"}]}}]}`, []int{200}},
		"a circle of groups":           {"PATCH", "/Groups/" + analysts, patch(`{"op":"add","path":"members","value":[{"value":"` + analysts + `"}]}`), []int{200, 204, 400}},
		"a key twice":                  {"POST", "/Users", `{"schemas":["` + userSchema + `"],"userName":"a","userName":"b"}`, []int{400}},
		"invalid UTF-8":                {"POST", "/Users", `{"schemas":["` + userSchema + `"],"userName":"` + "\xff\xfe" + `"}`, []int{400}},
		"a lone surrogate":             {"POST", "/Users", `{"schemas":["` + userSchema + `"],"userName":"\ud800"}`, []int{400}},
		"an unknown schema":            {"POST", "/Users", `{"schemas":["urn:example:unknown"],"userName":"c"}`, []int{201}},
		"no JSON":                      {"POST", "/Users", `userName=jane`, []int{400}},
		"two documents":                {"POST", "/Users", user("x") + user("y"), []int{400}},
		"a null byte in a name":        {"POST", "/Users", `{"schemas":["` + userSchema + `"],"userName":"a\u0000b"}`, []int{201, 400}},
		"a large number":               {"POST", "/Users", `{"schemas":["` + userSchema + `"],"userName":1e999999999}`, []int{400}},
		"an id that is a path":         {"GET", "/Users/..%2f..%2fGroups", "", []int{400, 404}},
		"an id of invalid UTF-8":       {"GET", "/Users/%ff%fe", "", []int{400, 404}},
		"a filter of invalid UTF-8":    {"GET", "/Users?filter=userName+eq+%22%ff%22", "", []int{400}},
		"a query with a broken escape": {"GET", "/Users?filter=%zz", "", []int{400}},
		"a start beyond all":           {"GET", "/Users?startIndex=99999999999999999999", "", []int{200, 400}},
		"a count below zero":           {"GET", "/Users?count=-5", "", []int{200, 400}},
		"a method that is none":        {"BREW", "/Users", "", []int{405, 501}},
		"a cursor that is none":        {"GET", "/Users?cursor=AAAA", "", []int{400}},
		"members that are no ids":      {"POST", "/Groups", `{"schemas":["` + groupSchema + `"],"displayName":"d","members":[{"value":{"value":["x"]}}]}`, []int{400}},
		"a version that is none":       {"PUT", "/Nobodies/x", "{}", []int{404}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a, err := idp.Try(t.Context(), tt.method, tt.path, tt.body)
			if err != nil { // the host may answer, and close, before it has read all
				t.Fatalf("there was no answer: %v", err)
			}
			known := false
			for _, status := range tt.statuses {
				known = known || a.Status == status
			}
			if !known {
				t.Errorf("status %d, want one of %v: %.300s", a.Status, tt.statuses, a.Text)
			}
			if a.Status >= http.StatusBadRequest && a.Status != http.StatusRequestHeaderFieldsTooLarge && a.Body["detail"] == nil {
				t.Errorf("the refusal is no SCIM error: %d %.300s", a.Status, a.Text)
			}
		})
	}
	if got := idp.Must(http.StatusOK, http.MethodGet, "/Users/"+jane, ""); got.Body["userName"] != "jane" || got.Body["title"] != nil {
		t.Errorf("Jane was changed: %s", got.Text)
	}
	if restarts := h.Plugin("scim").Restarts; restarts != 0 {
		t.Errorf("the plugin died %d times of it", restarts)
	}
}

// Who hangs up in the middle of a request has changed nothing by halves, and
// nobody waits for them.
func TestAnIdPThatHangsUp(t *testing.T) {
	t.Parallel()
	h := start(t, gatehousetest.Options{}, linked("acme-okta", "acme"))
	idp := h.SCIM("acme-okta")
	for n := range 40 {
		body := user(fmt.Sprintf("half-%d", n))
		conn, err := net.Dial("tcp", h.Addr)
		if err != nil {
			t.Fatal(err)
		}
		sent := body[:len(body)*n/40]
		if _, err := fmt.Fprintf(conn, "POST /scim/v2/Users HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/scim+json\r\nContent-Length: %d\r\n\r\n%s", h.Addr, idp.Token, len(body), sent); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// With the whole body sent it is done or not, and never half.
	whole := user("whole")
	conn, err := net.Dial("tcp", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /scim/v2/Users HTTP/1.1\r\nHost: "+h.Addr+"\r\nAuthorization: Bearer "+idp.Token+"\r\nContent-Type: application/scim+json\r\n"+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(whole), whole)); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if a := idp.Send(http.MethodPost, "/Users", user("whole")); a.Status != http.StatusCreated && a.Status != http.StatusConflict {
		t.Errorf("the repetition: status %d: %s", a.Status, a.Text)
	}
	list := idp.Must(http.StatusOK, http.MethodGet, `/Users?filter=`+url.QueryEscape(`userName sw "half"`), "")
	if list.Body["totalResults"] != float64(0) {
		t.Errorf("halves of requests were done: %s", list.Text)
	}
	if a := idp.Must(http.StatusOK, http.MethodGet, `/Users?filter=`+url.QueryEscape(`userName eq "whole"`), ""); a.Body["totalResults"] != float64(1) {
		t.Errorf("what was sent twice is there %v times", a.Body["totalResults"])
	}
}

// Writers at once lose nothing of one another: each name is given once, and every
// membership that was acknowledged is there.
func TestWritersAtOnce(t *testing.T) {
	t.Parallel()
	h := start(t, gatehousetest.Options{}, linked("acme-okta", "acme"))
	idp := h.SCIM("acme-okta")
	shared := idp.Create("/Groups", group("Shared"))
	var ids []string
	for i := range 16 {
		ids = append(ids, idp.Create("/Users", user(fmt.Sprintf("member-%d", i))))
	}
	var mu sync.Mutex
	statuses, added := map[string]map[int]int{}, map[string]bool{}
	count := func(what string, status int) {
		mu.Lock()
		defer mu.Unlock()
		if statuses[what] == nil {
			statuses[what] = map[int]int{}
		}
		statuses[what][status]++
	}
	var all sync.WaitGroup
	ask := func(what, method, path, body string) (status int) {
		a, err := idp.Try(t.Context(), method, path, body)
		if err != nil {
			t.Error(err)
		}
		count(what, a.Status)
		return a.Status
	}
	for i, id := range ids {
		all.Go(func() { ask("one name", http.MethodPost, "/Users", user("same")) })
		all.Go(func() {
			for { // as an IdP does that is told that somebody else was first
				switch status := ask("members", http.MethodPatch, "/Groups/"+shared, patch(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`)); status {
				case http.StatusOK, http.StatusNoContent:
					mu.Lock()
					added[id] = true
					mu.Unlock()
					return
				case http.StatusConflict, http.StatusPreconditionFailed, http.StatusTooManyRequests, http.StatusServiceUnavailable:
				default:
					t.Errorf("adding a member: status %d", status)
					return
				}
			}
		})
		all.Go(func() {
			ask("one user", http.MethodPatch, "/Users/"+ids[0], patch(fmt.Sprintf(`{"op":"replace","path":"title","value":"t-%d"}`, i)))
		})
	}
	all.Wait()
	t.Logf("statuses: %v", statuses)
	if statuses["one name"][http.StatusCreated] != 1 || statuses["one name"][http.StatusConflict] != len(ids)-1 {
		t.Errorf("one name was asked for at once: %v", statuses["one name"])
	}
	for what, seen := range statuses {
		for status := range seen {
			if status == http.StatusInternalServerError {
				t.Errorf("%s: %v", what, seen)
			}
		}
	}
	if statuses["one user"][http.StatusOK] == 0 {
		t.Errorf("nobody got through: %v", statuses["one user"])
	}
	members, _ := idp.Must(http.StatusOK, http.MethodGet, "/Groups/"+shared, "").Body["members"].([]any)
	if len(members) != len(added) || len(added) != len(ids) {
		t.Errorf("%d members of %d that were acknowledged and %d that were asked for", len(members), len(added), len(ids))
	}
}
