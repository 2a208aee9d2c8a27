package config

import (
	"maps"
	"slices"
)

// Expected are the summaries of the parser that have a sentence of ours.
func Expected() []string { return slices.Sorted(maps.Keys(expected)) }

// Grantable is grantable.
var Grantable = grantable
