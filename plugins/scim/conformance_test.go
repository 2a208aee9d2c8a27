package scim_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/scim"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

func fixture() plugintest.ProvisionerFixture {
	search := func(target string) plugintest.ProvisionerRequest {
		return plugintest.ProvisionerRequest{
			Method: http.MethodPost, Target: target, Header: http.Header{"Content-Type": {"application/scim+json"}},
			Body: `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"id pr"}`,
		}
	}
	get := func(target string) plugintest.ProvisionerRequest {
		return plugintest.ProvisionerRequest{Method: http.MethodGet, Target: target}
	}
	return plugintest.ProvisionerFixture{
		Kind: "scim",
		Config: map[string]any{
			"dialect": "entra",
			"extension": []any{map[string]any{
				"urn": "urn:example:params:scim:schemas:extension:acme:2.0:User", "attribute": []any{map[string]any{"name": "costCenter"}},
			}},
		},
		BadConfigs: map[string]plugintest.BadConfig{
			"no dialect":       {Values: map[string]any{"dialect": "oktra"}, Path: diag.Path{"dialect"}},
			"no quirk":         {Values: map[string]any{"quirks": []string{"capitals"}}, Path: diag.Path{"quirks"}},
			"no page":          {Values: map[string]any{"page_size": 0}, Path: diag.Path{"page_size"}},
			"half a page":      {Values: map[string]any{"page_size": 1.5}, Path: diag.Path{"page_size"}},
			"a URN that is no": {Values: map[string]any{"extension": []any{map[string]any{"urn": "acme"}}}, Path: diag.Path{"extension", "0", "urn"}},
		},
		Requests: map[string]plugintest.ProvisionerRequest{
			"users":                     get("/Users"),
			"a look-up":                 get("/Users?filter=userName+eq+%22mia%22&startIndex=1&count=100"),
			"groups":                    get("/Groups?excludedAttributes=members"),
			"everything":                get("/"),
			"a search":                  search("/Users/.search"),
			"a search of everything":    search("/.search"),
			"the configuration":         get("/ServiceProviderConfig"),
			"schemas":                   get("/Schemas"),
			"resource types":            get("/ResourceTypes"),
			"a request with a long URL": get("/Users?attributes=userName,name.givenName,emails.value&sortBy=userName&sortOrder=descending"),
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	plugintest.RunProvisioner(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, scim.Plugin()) }, fixture())
}

func TestConformanceOfTheBinary(t *testing.T) {
	t.Parallel()
	binary := plugintest.Build(t, "internal/binary")
	plugintest.RunProvisioner(t, func(t *testing.T) *plugintest.Harness { return plugintest.Exec(t, binary) }, fixture())
}
