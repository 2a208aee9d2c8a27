package keyring

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// pairOverlap is for how long the pair of before still decrypts: identity providers
// are given another certificate by hand.
const pairOverlap = 30 * 24 * time.Hour

// RotatePairs makes the next key pairs of an instance, for each use that it has one
// for, and returns them. They are published beside the present ones, and what is
// encrypted to them is read; with now they take over: they sign, and those of before
// are accepted for another 30 days. While next ones wait, others are refused
// (Conflict), and an instance without key pairs has none to replace (NotFound).
func (k *Keyring) RotatePairs(ctx context.Context, by By, instance string, now bool) (made []Info, err error) {
	before, err := k.pairsOf(ctx, instance)
	if err != nil {
		return nil, err
	}
	if len(before) == 0 {
		return nil, problem.New(problem.NotFound, "instance %q has no key pairs", instance).
			WithHint("they are made when its plugin first asks for them, as when somebody reads its metadata")
	}
	// Making one takes a while, in which no transaction is kept open.
	fresh := map[PairUse]Pair{}
	for _, p := range before {
		if _, done := fresh[p.Use]; !done && !slices.ContainsFunc(before, func(o Pair) bool { return o.Use == p.Use && o.State == stateNext }) {
			if fresh[p.Use], err = newPair(k.random, instance, p.Use, k.now()); err != nil {
				return nil, err
			}
		}
	}
	err = k.store.Write(ctx, func(tx *store.Tx) error {
		made = nil
		pairs, err := openPairs(ctx, tx, k.sealer, pairColumns+`WHERE instance = $1 ORDER BY created_at, id`, instance)
		if err != nil {
			return err
		}
		next := map[PairUse]Pair{}
		for _, p := range pairs {
			if p.State == stateNext {
				next[p.Use] = p
			}
		}
		for _, use := range []PairUse{PairSign, PairDecrypt} {
			if !slices.ContainsFunc(pairs, func(p Pair) bool { return p.Use == use }) {
				continue
			}
			one, waits := next[use]
			switch {
			case waits && !now:
				return problem.New(problem.Conflict, "the next key pairs of instance %q are published already", instance).
					WithHint("once its identity provider has their certificates, let them take over with --now")
			case !waits:
				if one = fresh[use]; one.ID == "" {
					return problem.New(problem.Conflict, "somebody else rotates the key pairs of instance %q", instance).WithHint("look at gatehouse keyring list")
				}
				one.State, one.Activates = stateNext, time.UnixMicro(0)
				if err := k.insertPair(ctx, tx, one); err != nil {
					return err
				}
				if err := k.told(ctx, tx, Change{What: Created, Key: one.info(), By: by}); err != nil {
					return err
				}
			}
			if now {
				if one, err = k.takeOver(ctx, tx, by, pairs, one); err != nil {
					return err
				}
			}
			made = append(made, one.info())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("rotating the key pairs of instance %s: %w", instance, err)
	}
	return made, nil
}

// takeOver puts a next pair in the place of the active one.
func (k *Keyring) takeOver(ctx context.Context, tx *store.Tx, by By, pairs []Pair, next Pair) (Pair, error) {
	now := k.now()
	mark := func(p Pair, what What) error {
		var retires any
		if !p.Retires.IsZero() {
			retires = p.Retires.UnixMicro()
		}
		_, err := tx.Exec(ctx, `UPDATE keyring_pair SET state = $1, activates_at = $2, retires_at = $3 WHERE id = $4`, p.State, p.Activates.UnixMicro(), retires, p.ID)
		if err != nil {
			return err
		}
		return k.told(ctx, tx, Change{What: what, Key: p.info(), By: by})
	}
	for _, p := range pairs {
		if p.Use == next.Use && p.State == stateActive {
			p.State, p.Retires = stateRetired, now.Add(pairOverlap)
			if err := mark(p, Retired); err != nil {
				return Pair{}, err
			}
		}
	}
	next.State, next.Activates = stateActive, now
	return next, mark(next, Activated)
}

// pairsOf returns the key pairs of an instance, or of all instances with "".
func (k *Keyring) pairsOf(ctx context.Context, instance string) (pairs []Pair, err error) {
	err = k.store.Read(ctx, func(tx *store.Tx) error {
		pairs, err = openPairs(ctx, tx, k.sealer, pairColumns+`WHERE $1 = '' OR instance = $1 ORDER BY instance, purpose, created_at, id`, instance)
		return err
	})
	return pairs, err
}

// PairInfos lists the key pairs of all instances.
func (k *Keyring) PairInfos(ctx context.Context) (list []Info, err error) {
	pairs, err := k.pairsOf(ctx, "")
	for _, p := range pairs {
		list = append(list, p.info())
	}
	return list, err
}

// SweepPairs removes those whose overlap is over.
func (k *Keyring) SweepPairs(ctx context.Context) error {
	err := k.store.Write(ctx, func(tx *store.Tx) error {
		pairs, err := openPairs(ctx, tx, k.sealer, pairColumns+`WHERE state = 'retired' AND retires_at <= $1`, k.now().UnixMicro())
		if err != nil {
			return err
		}
		for _, p := range pairs {
			if _, err := tx.Exec(ctx, `DELETE FROM keyring_pair WHERE id = $1`, p.ID); err != nil {
				return err
			}
			if err := k.told(ctx, tx, Change{What: Removed, Key: p.info()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("removing key pairs that are retired for long enough: %w", err)
	}
	return nil
}
