package host

import (
	"context"
	"crypto/tls"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// What is shown of what ends.
const (
	endingWithin = 14 * 24 * time.Hour
	endingShown  = 20 // of each kind
)

// ending is what ends soon. What the store has is missing while it cannot be
// read, which another condition tells.
func (h *house) ending(ctx context.Context, certificate *tls.Certificate) []admin.Ending {
	now := h.clock()
	list, err := h.endingRecords(ctx, now)
	if err != nil {
		h.Logger.WarnContext(ctx, "what ends soon cannot be read", "error", err)
	}
	list = append(list, endingKeys(h.keyring.Keys(), now)...)
	if certificate != nil && certificate.Leaf != nil && certificate.Leaf.NotAfter.Sub(now) <= endingWithin {
		leaf := certificate.Leaf
		list = append(list, admin.Ending{
			Kind: admin.EndingCertificate, ID: leaf.SerialNumber.Text(16), Of: strings.Join(leaf.DNSNames, ", "), EndsAt: leaf.NotAfter.UTC(),
		})
	}
	slices.SortStableFunc(list, func(a, b admin.Ending) int { return a.EndsAt.Compare(b.EndsAt) })
	return list
}

func (h *house) endingRecords(ctx context.Context, now time.Time) (list []admin.Ending, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeCheckLimit)
	defer cancel()
	until := now.Add(endingWithin)
	err = h.store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		keys, err := h.records.EndingKeys(ctx, tx, now, until, endingShown)
		if err != nil {
			return err
		}
		for _, k := range keys {
			list = append(list, admin.Ending{Kind: admin.EndingKey, ID: k.ID, Of: k.Client, Organization: k.Organization, EndsAt: k.EndsAt.UTC(), Replaced: k.Replaced})
		}
		clients, err := h.records.EndingClients(ctx, tx, now, until, endingShown)
		if err != nil {
			return err
		}
		for _, c := range clients {
			list = append(list, admin.Ending{Kind: admin.EndingClient, ID: c.ID, Organization: c.Organization, EndsAt: c.ExpiresAt.UTC()})
		}
		tokens, err := h.tokens.Ending(ctx, tx, now, until, endingShown)
		if err != nil {
			return err
		}
		for _, t := range tokens {
			list = append(list, admin.Ending{Kind: admin.EndingToken, ID: t.ID, Of: t.Name, EndsAt: t.ExpiresAt.UTC()})
		}
		provisioning, err := h.provisioningTokens.Ending(ctx, tx, now, until, endingShown)
		for _, t := range provisioning {
			list = append(list, admin.Ending{
				Kind: admin.EndingProvisioningToken, ID: t.ID, Of: t.Connection, Organization: t.Organization, EndsAt: t.ExpiresAt.UTC(), Replaced: t.Replaced,
			})
		}
		return err
	})
	return list, err
}

// endingKeys are the host's own that are accepted for some time still. Such a
// key has been replaced: the host does so by itself.
func endingKeys(keys []keyring.Info, now time.Time) (list []admin.Ending) {
	for _, k := range keys {
		if k.RetiresAt.After(now) && k.RetiresAt.Sub(now) <= endingWithin {
			list = append(list, admin.Ending{Kind: admin.EndingHostKey, ID: k.ID, Of: strings.TrimSpace(string(k.Purpose) + " " + k.Instance), EndsAt: k.RetiresAt.UTC(), Replaced: true})
		}
	}
	slices.SortFunc(list, func(a, b admin.Ending) int { return a.EndsAt.Compare(b.EndsAt) })
	return list[:min(len(list), endingShown)]
}
