package config

import (
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// suggestionLimit keeps the comparison of hostile names short.
const suggestionLimit = 64

// nearest gives the known name that was probably meant, or "".
func nearest(given string, known []string) string {
	if len(given) > suggestionLimit {
		return ""
	}
	best, distance := "", 1+max(1, len(given)/3)
	for _, k := range slices.Sorted(slices.Values(known)) {
		if len(k) > suggestionLimit {
			continue
		}
		if d := levenshtein.Distance(given, k, nil); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// didYouMean is the sentence that follows a wrong name: what was probably
// meant, or else what there is.
func didYouMean(given string, known []string) string {
	if k := nearest(given, known); k != "" {
		return ` Did you mean "` + k + `"?`
	}
	return among(known)
}

// among lists what there is, if it is few enough to be read.
func among(known []string) string {
	const readable = 12
	if len(known) == 0 || len(known) > readable {
		return ""
	}
	return " Expected one of: " + strings.Join(slices.Sorted(slices.Values(known)), ", ") + "."
}
