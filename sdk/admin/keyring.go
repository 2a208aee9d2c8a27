package admin

import (
	"context"
	"net/http"
	"time"
)

// KeyringKey is what is known of a key of the host's own keyring. The key is
// not.
type KeyringKey struct {
	ID          string    `json:"id" doc:"of a key that signs: the kid of its assertions"`
	Purpose     string    `json:"purpose"`
	Instance    string    `json:"instance,omitempty" doc:"the authenticator that has it, of a key that is not the host's own"`
	Algorithm   string    `json:"algorithm"`
	State       string    `json:"state" doc:"\"next\": published, and not used yet; \"active\"; \"retired\": accepted, and not used any more"`
	CreatedAt   time.Time `json:"created_at"`
	ActivatesAt time.Time `json:"activates_at,omitzero" doc:"when it is used first; later if the host is started meanwhile"`
	RetiresAt   time.Time `json:"retires_at,omitzero" doc:"when it is accepted no more; none: when nothing needs it"`
	NamedBy     int       `json:"named_by" doc:"live records that need it"`
}

// KeyringKeys is all keys, by purpose and instance.
type KeyringKeys struct {
	Keys []KeyringKey `json:"keys"`
}

// KeyringRotation asks for new keys.
type KeyringRotation struct {
	Purpose  string `json:"purpose"`
	Instance string `json:"instance,omitempty" doc:"with the purpose \"instance\" or \"pair\": the authenticator"`
	Now      bool   `json:"now,omitempty" doc:"have a new signing key sign without being published first: applications that do not fetch the keys again for one they do not know refuse what it signs until their copy is over. Of the key pairs of an authenticator: have those take over that are published"`
}

// KeyringKeys lists the keys.
func (h *Host) KeyringKeys(ctx context.Context) (list []KeyringKey, err error) {
	var answer KeyringKeys
	err = h.call(ctx, http.MethodGet, "/keyring", nil, &answer)
	return answer.Keys, err
}

// RotateKeyring makes new keys and returns them.
func (h *Host) RotateKeyring(ctx context.Context, r KeyringRotation) (made []KeyringKey, err error) {
	var answer KeyringKeys
	err = h.call(ctx, http.MethodPost, "/keyring/rotate", r, &answer)
	return answer.Keys, err
}
