package admin

import (
	"context"
	"net/http"

	"github.com/gatehouse-id/gatehouse/core/credential"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// Keyring is the host's own keys.
type Keyring interface {
	Keys(ctx context.Context) ([]wire.KeyringKey, error)
	Rotate(ctx context.Context, by credential.By, r wire.KeyringRotation) ([]wire.KeyringKey, error)
}

func (a *API) listKeyring(c *call) (int, any, error) {
	keys, err := a.Keyring.Keys(c.Context())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.KeyringKeys{Keys: keys}, nil
}

func (a *API) rotateKeyring(c *call) (int, any, error) {
	var asked wire.KeyringRotation
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	made, err := a.Keyring.Rotate(c.Context(), c.by(), asked)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, wire.KeyringKeys{Keys: made}, nil
}
