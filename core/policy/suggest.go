package policy

import "slices"

// didYouMean returns " Did you mean …?" for the candidate that is nearest to
// word, or "" when none is near enough to be a slip of the fingers.
func didYouMean(word string, candidates []string) string {
	best, distance := "", len(word)/3+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := editDistance(word, c, distance); d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return " Did you mean \"" + best + "\"?"
}

// editDistance is Levenshtein's distance in bytes. Words whose lengths already
// differ by limit are not compared, which also bounds the work.
func editDistance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit || len(a) > 256 {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
