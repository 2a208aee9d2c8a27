package reqpath_test

import (
	"testing"

	"github.com/gatehouse-id/gatehouse/core/server/reqpath"
)

func TestNormal(t *testing.T) {
	for path, want := range map[string]bool{
		"/":                         true,
		"/api/v1/query":             true,
		"/users/ana@acme.example":   true,
		"/users/ana%40acme.example": true,
		"/a%2Bb":                    true,
		"/caf%C3%A9":                true,
		"/100%25":                   true,

		"/%61dmin":      false, // an unreserved character, encoded
		"/caf%c3%a9":    false, // digits in lower case
		"/a%2bb":        false,
		"/café":         false, // not encoded at all
		"/a b":          false,
		"/a/../b":       false, // refused in every form
		"/a%2Fb":        false,
		"/a%3Bb":        false,
		"relative":      false,
		"/ana%2540acme": false, // encoded twice
	} {
		if got := reqpath.Normal(path); got != want {
			t.Errorf("Normal(%q) = %v", path, got)
		}
	}
}
