package config

import (
	"slices"
	"strings"
)

// Hostile names are not compared at length, nor with very many.
const (
	suggestionLimit = 64  // bytes of a name
	comparisonLimit = 500 // names
)

// Nearest gives the known name that was probably meant, or "" where none is
// near enough to be a slip of the fingers. Who reports an unknown name asks it.
func Nearest(given string, known []string) string {
	if len(given) > suggestionLimit || len(known) > comparisonLimit {
		return ""
	}
	// Two letters that changed places are two edits.
	best, least := "", min(len(given), 1+max(2, len(given)/3))
	for _, k := range slices.Sorted(slices.Values(known)) {
		if len(k) > suggestionLimit || max(len(k)-len(given), len(given)-len(k)) >= least {
			continue
		}
		if d := distance(given, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of bytes to change, add or take away to make b of a
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances of the part of a so far to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// didYouMean is the sentence that follows a wrong name: what was probably
// meant, or else what there is.
func didYouMean(given string, known []string) string {
	if k := Nearest(given, known); k != "" {
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
