package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/proxy"
	"github.com/gatehouse-id/gatehouse/core/server"
)

// mounts serves /scim/v2, and says by which door a request came.
type mounts struct{}

func (mounts) Serves(path string) bool {
	return path == "/scim/v2" || strings.HasPrefix(path, "/scim/v2/")
}

func (mounts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprint(w, "served ", r.URL.Path)
}

func (mounts) Refuse(w http.ResponseWriter, _ *http.Request, path string, err error) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprint(w, "refused ", path, ": ", err)
}

// An IdP is answered in its own form also where its path is refused before
// anybody looks whose it is; and a path that only looks as if it led to a mount
// is not taken there.
func TestPathsThatAreRefusedBelowAMount(t *testing.T) {
	for name, tt := range map[string]struct {
		target string
		short  bool
		want   string
	}{
		"plain":                       {"/scim/v2/Users", true, "served /scim/v2/Users"},
		"slashes too many":            {"/scim/v2//Users/", true, "served /scim/v2/Users"},
		"a dot segment":               {"/scim/v2/Users/%2e%2e/x", true, "refused /scim/v2/Users/%2e%2e/x: "},
		"an encoded slash":            {"/scim/v2/Users/a%2Fb", true, "refused /scim/v2/Users/a%2Fb: "},
		"with our prefix":             {"/.gatehouse/scim/v2/a%00", true, "refused /scim/v2/a%00: "},
		"without short routes":        {"/scim/v2/a%00", false, `"code":"invalid_request"`},
		"the same, with our prefix":   {"/.gatehouse/scim/v2/a%00", false, "refused /scim/v2/a%00: "},
		"with a query":                {"/scim/v2/a%00?x=/scim/v2", true, "refused /scim/v2/a%00: "},
		"the mount in a query":        {"/a%00?x=/scim/v2/Users", true, `"code":"invalid_request"`},
		"a way out of the mount":      {"/scim/v2/../../api/admin/v1/clients", true, "refused "},
		"a way into the mount":        {"/x/../scim/v2/Users", true, `"code":"invalid_request"`},
		"the mount, encoded":          {"/%73cim/v2/a%00", true, `"code":"invalid_request"`},
		"another that begins like it": {"/scim/v22/a%00", true, `"code":"invalid_request"`},
	} {
		t.Run(name, func(t *testing.T) {
			g := openGate(t, echo(t), func(o *server.Options, first *server.Generation, _ *proxy.Upstream) {
				o.Provisioning, first.ShortRoutes = mounts{}, tt.short
			})
			_, body := raw(t, g, "GET "+tt.target+" HTTP/1.1\nHost: a\nConnection: close\n\n")
			if !strings.Contains(body, tt.want) {
				t.Errorf("answered %s, want %s", body, tt.want)
			}
		})
	}
}
