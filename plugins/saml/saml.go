// Package saml is the authenticator of people by SAML 2.0: Web Browser SSO (SAML
// Profiles §4.1) and single logout (§4.4), by the bindings HTTP-Redirect and
// HTTP-POST.
//
// It keeps nothing between calls but what it has read of the IdP's metadata, which
// the host keeps too. Private keys are the host's, and so is the network.
package saml

import (
	"context"
	"crypto/rsa"
	"log/slog"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
)

// Plugin describes the plugin, for plugin.Serve.
func Plugin() plugin.Plugin { return describe(time.Now) }

func describe(clock func() time.Time) plugin.Plugin {
	return plugin.Plugin{
		Name:         "saml",
		Version:      "1.0.0",
		HostServices: []string{hostsvc.AuditService, hostsvc.FetchService, hostsvc.KeysService, hostsvc.OnceService, hostsvc.StateService},
		People: []authn.PersonKind{{
			Name:        "saml",
			Doc:         "Signs people on with an identity provider that speaks SAML 2.0.",
			Schema:      block(),
			Callback:    "acs",
			Unsolicited: true,
			LogsOut:     true,
			New: func(_ context.Context, c instance.Config) (authn.People, diag.Diagnostics) {
				s, ds := readSettings(c, clock())
				if ds.HasErrors() {
					return nil, ds
				}
				return &service{settings: s, host: c.Host, logger: c.Logger, clock: clock, known: &known{}}, ds
			},
		}},
	}
}

// Host is what the plugin asks of its host.
type Host interface {
	Audit(ctx context.Context, event string, attributes map[string]string) error
	Fetch(ctx context.Context, r hostsvc.FetchRequest) (hostsvc.FetchResponse, error)
	Keys(ctx context.Context, purpose hostsvc.KeyPurpose) ([]hostsvc.PublicKey, error)
	Sign(ctx context.Context, keyID, algorithm string, digest []byte) ([]byte, error)
	Decrypt(ctx context.Context, keyID string, options rsa.OAEPOptions, ciphertext []byte) ([]byte, error)
	Take(ctx context.Context, kind, id string, until time.Time) (first bool, err error)
	Load(ctx context.Context, name string) (blob []byte, version int64, err error)
	Save(ctx context.Context, name string, blob []byte, version int64) (now int64, err error)
}

// service is one instance: a service provider, as SAML has it.
type service struct {
	settings settings
	host     Host
	logger   *slog.Logger
	clock    func() time.Time
	known    *known
}
