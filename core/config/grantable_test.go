package config_test

import (
	"slices"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
)

// A service that the SDK has and no operator can grant is none.
func TestEveryHostServiceCanBeGranted(t *testing.T) {
	t.Parallel()
	all := []string{hostsvc.AuditService, hostsvc.DirectoryService, hostsvc.FetchService, hostsvc.KeysService, hostsvc.OnceService, hostsvc.StateService}
	if !slices.Equal(config.Grantable, all) {
		t.Errorf("can be granted: %q, there are %q", config.Grantable, all)
	}
}
