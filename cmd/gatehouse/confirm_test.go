package main

import (
	"strings"
	"testing"
)

func TestConfirm(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer string
		asks   bool
		want   string // of the error
	}{
		"yes":            {"y\n", true, ""},
		"the whole word": {" YES \n", true, ""},
		"no":             {"n\n", true, "nothing was done"},
		"just return":    {"\n", true, "nothing was done"},
		"the end":        {"", true, "nothing was done"},
		"another word":   {"yesterday\n", true, "nothing was done"},
		"no terminal":    {"y\n", false, "no terminal to ask on"},
	} {
		var out strings.Builder
		err := (&terminal{out: &out, in: strings.NewReader(tt.answer), asks: tt.asks}).confirm("They go.", "look")
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", name, err)
		}
		if asked := strings.Contains(out.String(), "They go.\nIt cannot be taken back (look). Go on? [y/N] "); asked != tt.asks {
			t.Errorf("%s: it wrote %q", name, out.String())
		}
	}
}
