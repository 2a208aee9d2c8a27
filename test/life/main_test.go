//go:build linux

// Package life proves what follows from what an IdP says of its people, with
// everything real: the binary, the plugins' processes, the database, an application
// behind.
package life_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

func TestMain(m *testing.M) { gatehousetest.Main(m) }

const rules = `
upstream "app" {
  url = %q
}

route "/api/**" {
  permission = "query:execute"
}

role "analyst" {
  permissions = ["query:execute"]
}

authenticator "apikey" {}

organization "acme" {}

organization "globex" {}
`

// linked is a connection whose group "Analysts" may execute queries.
func linked(label, organization string, blocks ...string) string {
	return fmt.Sprintf(`
connection %q {
  organization = %q

  provisioner "scim" {}

  mapping "analysts" {
    groups = ["Analysts"]
    roles  = ["analyst"]
  }

  limits {
    concurrent = 1000
    rate       = "100000/s"
  }

  %s
}
`, label, organization, strings.Join(blocks, "\n"))
}

// unthrottled is for tests with many refusals.
const unthrottled = `throttle {
    per_source = 0
    per_id     = 0
  }`

// start starts a host with connections, before an application that takes
// everything.
func start(t *testing.T, o gatehousetest.Options, connections ...string) *gatehousetest.Host {
	t.Helper()
	h := prepare(t, o, connections...)
	h.Start()
	return h
}

// prepare makes one that is not started.
func prepare(t *testing.T, o gatehousetest.Options, connections ...string) *gatehousetest.Host {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(app.Close)
	o.Server, o.Files = o.Server+"\n"+unthrottled, map[string]string{"people.hcl": fmt.Sprintf(rules, app.URL) + strings.Join(connections, "")}
	return gatehousetest.New(t, o)
}

const (
	userSchema  = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupSchema = "urn:ietf:params:scim:schemas:core:2.0:Group"
	patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	bulkSchema  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
)

func user(name string) string {
	return fmt.Sprintf(`{"schemas":[%q],"userName":%q,"externalId":%q,"active":true,"name":{"givenName":"Jane","familyName":"Doe"}}`, userSchema, name, "ext-"+name)
}

func group(name string, members ...string) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = fmt.Sprintf(`{"value":%q}`, m)
	}
	return fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"members":[%s]}`, groupSchema, name, strings.Join(list, ","))
}

func patch(operations ...string) string {
	return fmt.Sprintf(`{"schemas":[%q],"Operations":[%s]}`, patchSchema, strings.Join(operations, ","))
}

var keeping = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// call calls the application with a key, and returns the status and what was
// said.
func call(ctx context.Context, h *gatehousetest.Host, k gatehousetest.Key) (status int, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/api/v1/whoami", http.NoBody)
	if err != nil {
		return 0, "", err
	}
	r.Header = http.Header{"X-Client-Id": {k.Client}, "X-Client-Secret": {k.Secret}}
	resp, err := keeping.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var b strings.Builder
	err = resp.Write(&b)
	return resp.StatusCode, b.String(), err
}

// may checks what a key gets.
func may(t *testing.T, h *gatehousetest.Host, k gatehousetest.Key, want int) {
	t.Helper()
	status, text, err := call(t.Context(), h, k)
	if err != nil || status != want {
		t.Errorf("the key of %s: %v, status %d, want %d: %s", k.Client, err, status, want, text)
	}
}

// leaver is a user who owns a client.
type leaver struct {
	id   string
	name string
	key  gatehousetest.Key
}

var accepted = http.StatusNoContent // what the application answers

// join makes a user of a connection who owns a key.
func join(h *gatehousetest.Host, idp *gatehousetest.SCIM, organization, name string) leaver {
	id := idp.Create("/Users", user(name))
	return leaver{id, name, h.NewKey("key-of-"+name, "--organization", organization, "--owner", id, "--role", "analyst")}
}
