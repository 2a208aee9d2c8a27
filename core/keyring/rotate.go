package keyring

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Rotate makes a new key for a purpose, or with Instance for the instance that
// is named, and returns it.
//
// A signing key is published for the overlap before it signs; with now it signs
// at once, also one that is published already. While one waits, a second is
// refused (Conflict). Every other key is used at once, and the one before stays
// accepted.
func (k *Keyring) Rotate(ctx context.Context, by By, p Purpose, instance string, now bool) (Info, error) {
	if p.algorithm() == "" || (p == Instance) != (instance != "") {
		return Info{}, problem.New(problem.Invalid, "there are no keys for the purpose %q", string(p)).
			WithHint("assertion, admin_token, provisioning_token, decision, plugin_state, sign_on, or instance with the instance's name")
	}
	var made key
	_, err := k.alter(ctx, slot{p, instance}, func(tx *store.Tx, set []key) (after []key, err error) {
		if p == Assertion && !now {
			after, err = k.publish(ctx, tx, by, set)
		} else {
			after, err = k.replace(ctx, tx, by, slot{p, instance}, set)
		}
		if err == nil {
			made = after[len(after)-1]
		}
		return after, err
	})
	if err != nil {
		return Info{}, fmt.Errorf("rotating the key for %s: %w", p, err)
	}
	return made.info(), nil
}

// publish makes the next signing key. It is the last of those returned.
func (k *Keyring) publish(ctx context.Context, tx *store.Tx, by By, set []key) ([]key, error) {
	if i := slices.IndexFunc(set, isNext); i >= 0 {
		return nil, problem.New(problem.Conflict, "the next signing key is published already, and signs from %s on",
			timeOf(set[i].activates).UTC().Format(time.RFC3339)).WithHint("wait, or let it sign at once with --now")
	}
	made, err := k.create(ctx, tx, by, slot{purpose: Assertion}, stateNext, k.now().Add(k.overlap))
	return append(set, made), err
}

// replace lets the next key be used, or without one a new key. It is the last
// of those returned.
func (k *Keyring) replace(ctx context.Context, tx *store.Tx, by By, s slot, set []key) ([]key, error) {
	for i := range set {
		if set[i].state == stateActive { // first: there is one active key at most
			if err := k.retire(ctx, tx, by, &set[i]); err != nil {
				return nil, err
			}
		}
	}
	if i := slices.IndexFunc(set, isNext); i >= 0 {
		next := set[i]
		if err := k.activate(ctx, tx, by, &next); err != nil {
			return nil, err
		}
		return append(slices.Delete(set, i, i+1), next), nil
	}
	made, err := k.create(ctx, tx, by, s, stateActive, k.now())
	return append(set, made), err
}

func isNext(one key) bool { return one.state == stateNext }

// Advance does what is due with the signing keys: it lets the next key sign,
// removes those whose overlap is over, and makes the next one of a key that has
// signed for long enough. After a doubt of the store it reads the keys again
// first. Where nothing is due it does not touch the store.
func (k *Keyring) Advance(ctx context.Context) error {
	if err := k.refresh(ctx); err != nil {
		return fmt.Errorf("reading the keyring again: %w", err)
	}
	if set := k.set(slot{purpose: Assertion}); !k.old(set) && !slices.ContainsFunc(set, k.due) {
		return nil
	}
	_, err := k.alter(ctx, slot{purpose: Assertion}, func(tx *store.Tx, set []key) ([]key, error) {
		var after []key
		for _, one := range set {
			if one.state != stateRetired || !k.due(one) {
				after = append(after, one)
			} else if err := k.remove(ctx, tx, By{}, &one); err != nil {
				return nil, err
			}
		}
		switch {
		case slices.ContainsFunc(after, func(one key) bool { return isNext(one) && k.due(one) }):
			return k.replace(ctx, tx, By{}, slot{purpose: Assertion}, after)
		case k.old(after):
			return k.publish(ctx, tx, By{}, after)
		}
		return after, nil
	})
	if err != nil {
		return fmt.Errorf("rotating the signing key: %w", err)
	}
	return nil
}

// lookEvery is how often Run looks what is due; a look costs next to nothing.
const lookEvery = time.Second

// Run calls Advance until ctx ends. What fails is reported, and tried again
// with the next minute.
func (k *Keyring) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := k.Advance(ctx); err != nil && ctx.Err() == nil {
			report(err)
			tick.Reset(time.Minute)
			continue
		}
		tick.Reset(lookEvery)
	}
}
