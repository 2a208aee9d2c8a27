package policy

import "github.com/gatehouse-id/gatehouse/core/config"

// didYouMean returns " Did you mean …?" for the candidate that word was
// probably meant to be, or "".
func didYouMean(word string, candidates []string) string {
	best := config.Nearest(word, candidates)
	if best == "" {
		return ""
	}
	return " Did you mean \"" + best + "\"?"
}
