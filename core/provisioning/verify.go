package provisioning

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// known is a token that was verified, kept until its record or the keys change.
// An identity provider sends the same one with each of its requests. Only right
// secrets come here, so there are no more of these than live tokens, and Flush
// removes those that are over.
type known struct {
	digest [sha256.Size]byte // of 256 random bits: nobody finds them by it
	token  Token
	deps   change.Deps
}

// Known returns the token that a text is, if it was verified before and nothing
// has changed since.
func (t *Tokens) Known(text secret.Text) (Token, bool) {
	_, id, err := secret.Parse(text)
	if err != nil {
		return Token{}, false
	}
	kept, ok := t.known.Load(id)
	if !ok {
		return Token{}, false
	}
	k, _ := kept.(*known)
	digest := sha256.Sum256([]byte(text.Reveal()))
	if subtle.ConstantTimeCompare(digest[:], k.digest[:]) != 1 || !k.deps.Fresh() || !k.token.ExpiresAt.After(t.Clock()) {
		return Token{}, false
	}
	return k.token, true
}

// Verify finds the token that a text is. Whatever is wrong with it, the answer is
// the same Problem (Unauthenticated).
func (t *Tokens) Verify(ctx context.Context, text secret.Text) (Token, error) {
	prefix, id, err := secret.Parse(text)
	if err != nil || prefix != TokenPrefix {
		return Token{}, invalid()
	}
	// Before the first read: what is changed meanwhile makes this stale.
	deps := t.Feed.Observe(change.ProvisioningToken(id), change.Key(string(keyring.ProvisioningToken)))
	var token Token
	var verifier []byte
	err = t.Store.Read(ctx, func(tx *store.Tx) (err error) {
		token, verifier, err = get(ctx, tx, "", id)
		return err
	})
	if err != nil && !problem.Is(err, problem.NotFound) {
		return Token{}, err
	}
	match := t.MAC.CheckMAC(keyring.ProvisioningToken, []byte(text.Reveal()), verifier)
	if !match || !token.RevokedAt.IsZero() || !token.ExpiresAt.After(t.Clock()) {
		return Token{}, invalid()
	}
	if t.MAC.IsOutdated(keyring.ProvisioningToken, verifier) {
		_ = t.rehash(ctx, id, text, verifier) // the old one holds, and its next verification tries again
	}
	t.known.Store(id, &known{sha256.Sum256([]byte(text.Reveal())), token, deps})
	return token, nil
}

func invalid() error {
	return problem.New(problem.Unauthenticated, "this provisioning token is not valid").
		WithHint("the operator of this service makes one with gatehouse scim-token create")
}

// rehash puts a hash with the key in use in the place of an old one.
func (t *Tokens) rehash(ctx context.Context, id string, text secret.Text, old []byte) error {
	verifier, err := t.MAC.MAC(keyring.ProvisioningToken, []byte(text.Reveal()))
	if err != nil {
		return err
	}
	return t.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE provisioning_token SET verifier = $1 WHERE id = $2 AND verifier = $3`, verifier, id, old)
		return err
	})
}
