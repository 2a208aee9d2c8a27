//go:build linux

package simulate_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
	"github.com/gatehouse-id/gatehouse/test/simulate"
)

func TestMain(m *testing.M) { gatehousetest.Main(m) }

// played is the configuration of a connection for each product that can be
// played, of one organization each.
func played() (config string) {
	for _, name := range slices.Sorted(maps.Keys(simulate.Providers())) {
		provider, _, _ := strings.Cut(name, "-")
		config += fmt.Sprintf(`
organization %[1]q {}

connection %[1]q {
  organization = %[1]q
  provider     = %[2]q

  provisioner "scim" {}

  mapping "everybody" {
    roles = ["analyst"]
  }
}
`, name, provider)
	}
	return `
upstream "app" {
  url = "http://127.0.0.1:1"
}

role "analyst" {
  permissions = ["query:execute"]
}
` + config
}

// Every product's whole life cycle against a real host: after each phase it has
// what the provider has, also where requests come twice, are given up, or lose
// their answers.
func TestEveryProviderAgainstARealHost(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		h := gatehousetest.Start(t, gatehousetest.Options{Store: url, Files: map[string]string{"people.hcl": played()}})
		for _, name := range slices.Sorted(maps.Keys(simulate.Providers())) {
			scim := h.SCIM(name)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for seed, faults := range []simulate.Faults{{}, {Duplicates: 0.1, HangUps: 0.05, Lost: 0.1}} {
					report, err := simulate.Run(t.Context(), simulate.Options{
						Provider: name, URL: scim.URL, Token: scim.Token, Users: 8, Groups: 2, Seed: uint64(seed), Parallel: 4, Faults: faults,
					})
					if err != nil {
						t.Errorf("with %+v: %v", faults, err)
					}
					for _, d := range report.Differences {
						t.Errorf("with %+v: %s", faults, d)
					}
					if report.Requests < 8*3 {
						t.Errorf("with %+v: %d requests only", faults, report.Requests)
					}
				}
			})
		}
	})
}
