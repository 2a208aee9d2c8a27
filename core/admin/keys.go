package admin

import (
	"net/http"
	"regexp"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// recordIDForm is the pattern of the ids that we make for keys and tokens.
const recordIDForm = `^[0-9A-Za-z]{1,64}$`

var recordID = regexp.MustCompile(recordIDForm)

func (a *API) createKey(c *call) (int, any, error) {
	var asked wire.NewKey
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	client, err := a.client(c)
	if err != nil {
		return 0, nil, err
	}
	key, text, err := a.Records.Issue(c.Context(), c.by(), client.ID, time.Duration(asked.Lifetime))
	if err != nil {
		return 0, nil, err
	}
	return a.answerKey(c, client, key, text)
}

func (a *API) rotateKey(c *call) (int, any, error) {
	var asked wire.Rotation
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	client, err := a.client(c)
	if err != nil {
		return 0, nil, err
	}
	overlap := credential.DefaultOverlap
	if asked.Overlap != nil {
		overlap = time.Duration(*asked.Overlap)
	}
	key, text, err := a.Records.Rotate(c.Context(), c.by(), client.ID, time.Duration(asked.Lifetime), overlap)
	if err != nil {
		return 0, nil, err
	}
	return a.answerKey(c, client, key, text)
}

// answerKey hands out a secret. It exists nowhere else, so a failure to list
// the keys beside it must not lose it.
func (a *API) answerKey(c *call, client credential.Client, key credential.Key, text secret.Text) (int, any, error) {
	keys, err := a.Records.Keys(c.Context(), client.ID)
	if err != nil {
		a.Logger.WarnContext(c.Context(), "the other keys of a client could not be listed", "client", client.ID, "trace_id", c.trace, "error", err)
	}
	var others []wire.Key
	for _, k := range a.asKeys(keys) {
		if k.ID != key.ID && k.State == wire.KeyLive {
			others = append(others, k)
		}
	}
	return http.StatusCreated, a.issued(client, key, text, others), nil
}

// issued is the answer with a key's secret in it.
func (a *API) issued(client credential.Client, key credential.Key, text secret.Text, others []wire.Key) any {
	if others == nil {
		others = []wire.Key{}
	}
	return issuedAnswer{
		wire.Issued{Client: asClient(client), Key: a.asKey(key), Others: others, PublicURL: a.PublicURL()},
		text.Reveal(),
	}
}

type issuedAnswer struct {
	wire.Issued
	Secret string `json:"secret"` // in place of the field that redacts itself
}

func (i issuedAnswer) kept() wire.Made { return wire.Made{Client: &i.Client, Key: &i.Key} }

func (a *API) revokeKey(c *call) (int, any, error) {
	var asked wire.Revocation
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if err := checkText("reason", asked.Reason); err != nil {
		return 0, nil, err
	}
	id := c.PathValue("id")
	if !recordID.MatchString(id) {
		return 0, nil, problem.New(problem.NotFound, "%s cannot be a key's id", quoted(id)).
			WithHint("gatehouse keys show CLIENT lists the keys of a client")
	}
	key, err := a.Records.Revoke(c.Context(), c.by(), id, asked.Reason)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, a.asKey(key), nil
}

func (a *API) revokeCredential(c *call) (int, any, error) {
	var asked wire.CredentialRevocation
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if err := checkKnown("authenticator", asked.Authenticator, a.Known.SelfContained()); err != nil {
		return 0, nil, err
	}
	if err := checkID(asked.ID); err != nil {
		return 0, nil, err
	}
	if err := checkText("reason", asked.Reason); err != nil {
		return 0, nil, err
	}
	if err := a.Records.RevokeSelfContained(c.Context(), c.by(), asked.Authenticator, asked.ID, asked.Reason); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, nil
}

func asClient(c credential.Client) wire.Client {
	return wire.Client{
		ID: c.ID, Organization: c.Organization, Name: c.Name, Source: string(c.Source), Authenticator: c.Instance, Owner: c.Owner,
		State: string(c.State), Scopes: c.Scopes, Networks: c.Networks, Rate: c.Rate.String(),
		ExpiresAt: c.ExpiresAt.UTC(), Version: c.Version, CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
	}
}

func (a *API) asKeys(keys []credential.Key) []wire.Key {
	list := make([]wire.Key, len(keys))
	for i, k := range keys {
		list[i] = a.asKey(k)
	}
	return list
}

func (a *API) asKey(k credential.Key) wire.Key {
	state := a.state(k.State == credential.Revoked, k.ExpiresAt)
	if state == wire.KeyLive && !k.StoppedAt.IsZero() {
		state = wire.KeyStopped
	}
	return wire.Key{
		ID: k.ID, Client: k.ClientID, Hint: k.Hint, State: state,
		CreatedAt: k.CreatedAt.UTC(), ExpiresAt: k.ExpiresAt.UTC(), StoppedAt: k.StoppedAt.UTC(), RevokedAt: k.RevokedAt.UTC(), RevokedReason: k.RevokedReason,
		LastUsedAt: k.LastUsedAt.UTC(), LastUsedFrom: k.LastUsedFrom,
		Imported: k.Imported, ForeignHash: k.ForeignHash,
	}
}

func (a *API) state(revoked bool, end time.Time) wire.KeyState {
	switch {
	case revoked:
		return wire.KeyRevoked
	case !end.IsZero() && !end.After(a.Clock()):
		return wire.KeyExpired
	}
	return wire.KeyLive
}
