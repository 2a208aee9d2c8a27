package domain

import "context"

// Look asks a resolver for the challenge of a domain.
func Look(ctx context.Context, r Resolver, one Domain) error {
	return (&Domains{Options: Options{Resolver: r}}).look(ctx, one)
}
