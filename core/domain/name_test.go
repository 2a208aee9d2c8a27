package domain_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestDomainsHaveOneForm(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"as it is kept":          {"acme.example", "acme.example"},
		"capitals":               {"ACME.Example", "acme.example"},
		"a dot at its end":       {"acme.example.", "acme.example"},
		"blanks around it":       {" acme.example\n", "acme.example"},
		"beyond ASCII":           {"bücher.example", "xn--bcher-kva.example"},
		"capitals beyond ASCII":  {"BÜCHER.example", "xn--bcher-kva.example"},
		"not composed":           {"bu\u0308cher.example", "xn--bcher-kva.example"},
		"full width":             {"ａｃｍｅ．example", "acme.example"},
		"an ideographic dot":     {"acme。example", "acme.example"},
		"A-labels":               {"xn--bcher-kva.example", "xn--bcher-kva.example"},
		"sharp s is its own":     {"straße.example", "xn--strae-oqa.example"},
		"below another":          {"mail.eu.acme.example", "mail.eu.acme.example"},
		"below a public suffix":  {"acme.co.uk", "acme.co.uk"},
		"a hyphen":               {"ac-me.example", "ac-me.example"},
		"digits":                 {"163x.example", "163x.example"},
		"below a shared one":     {"acme.onmicrosoft.com", "acme.onmicrosoft.com"},
		"as long as can be":      {long(232), long(232)},
		"a label as long as can": {strings.Repeat("a", 63) + ".example", strings.Repeat("a", 63) + ".example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := domain.Normalize(tt.text); err != nil || got != tt.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// long is a domain of n characters.
func long(n int) string {
	text := strings.Repeat("abcdefghi.", n/10+1)
	return "b" + text[len(text)-n+8:] + "example"
}

func TestWhatIsNotOneOrganizationsDomain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, words string }{
		"nothing":                     {"", "is no domain"},
		"a dot":                       {".", "is no domain"},
		"one word":                    {"acme", "one word"},
		"one word with a dot":         {"acme.", "one word"},
		"the host's own name":         {"localhost", "one word"},
		"a public suffix":             {"com", "one word"},
		"a public suffix of two":      {"co.uk", "public suffix"},
		"one of a company's own":      {"github.io", "public suffix"},
		"capitals of a public suffix": {"CO.UK.", "public suffix"},
		"mail for everybody":          {"gmail.com", "everybody can have an address there"},
		"the same in capitals":        {"GMail.COM.", "everybody can have an address there"},
		"of all tenants":              {"onmicrosoft.com", "all tenants"},
		"an address":                  {"jane@acme.example", "behind the @"},
		"a URL":                       {"https://acme.example", "is no domain"},
		"a path":                      {"acme.example/x", "is no domain"},
		"a port":                      {"acme.example:25", "is no domain"},
		"every name below":            {"*.acme.example", "is no domain"},
		"an underscore":               {"_dmarc.acme.example", "is no domain"},
		"an empty label":              {"acme..example", "is no domain"},
		"a dot before it":             {".acme.example", "is no domain"},
		"two dots behind it":          {"acme.example..", "is no domain"},
		"a hyphen at the begin":       {"-acme.example", "is no domain"},
		"a hyphen at the end":         {"acme-.example", "is no domain"},
		"two lines":                   {"acme.example\nglobex.example", "is no domain"},
		"a null":                      {"acme\x00.example", "is no domain"},
		"not UTF-8":                   {"ac\xffme.example", "is no domain"},
		"A-labels of nothing":         {"xn--a.example", "is no domain"},
		"letters of two directions":   {"אaב.example", "is no domain"},
		"an IPv4 address":             {"192.0.2.1", "is an address"},
		"an IPv6 address":             {"2001:db8::1", "is an address"},
		"an address literal":          {"[192.0.2.1]", "is an address"},
		"nearly an address":           {"192.0.2.256", "is no domain"},
		"digits at its end":           {"acme.123", "is no domain"},
		"a long label":                {strings.Repeat("a", 64) + ".example", "is no domain"},
		"a long name":                 {long(233), "too long"},
		"a very long one":             {strings.Repeat("acme.", 10_000) + "example", "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := domain.Normalize(tt.text)
			if got != "" {
				t.Errorf("%q", got)
			}
			refused(t, err, problem.Invalid, tt.words)
			if p := problem.As(err); len(p.Detail) > 300 || strings.ContainsFunc(p.Detail, func(r rune) bool { return r < ' ' }) {
				t.Errorf("it cannot be read: %q", p.Detail)
			}
		})
	}
}

func TestTheDomainOfAnAddress(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ address, want string }{
		"as it is kept":                 {"jane@acme.example", "acme.example"},
		"capitals":                      {"Jane@ACME.Example", "acme.example"},
		"beyond ASCII":                  {"jane@Bücher.example", "xn--bcher-kva.example"},
		"A-labels":                      {"jane@xn--bcher-kva.example", "xn--bcher-kva.example"},
		"none":                          {"jane", ""},
		"nothing behind the @":          {"jane@", ""},
		"one word":                      {"jane@acme", ""},
		"two domains":                   {"jane@acme.example@evil.example", ""},
		"a quoted @":                    {`"jane@acme.example"@evil.example`, ""},
		"a dot at its end":              {"jane@acme.example.", ""},
		"a name behind it":              {"jane@acme.example <jane@evil.example>", ""},
		"it only looks like it":         {"jane@ａcme.example", ""},
		"not composed":                  {"jane@bu\u0308cher.example", ""},
		"a letter that is not seen":     {"jane@ac\u200bme.example", ""},
		"another letter, that looks so": {"jane@аcme.example", "xn--cme-5cd.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := domain.Of(tt.address); got != tt.want {
				t.Errorf("%q", got)
			}
		})
	}
}

// Whatever is taken has one form, which is that of the addresses below it.
func TestTheFormIsOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-zA-Zäöüß0-9.-]{1,40}\.example\.?`), rapid.String()).Draw(t, "text")
		name, err := domain.Normalize(text)
		if err != nil {
			return
		}
		if again, err := domain.Normalize(name); err != nil || again != name {
			t.Fatalf("%q becomes %q, and that %q (%v)", text, name, again, err)
		}
		if of := domain.Of("jane@" + strings.ToUpper(name)); of != name {
			t.Fatalf("an address at %q is of %q", name, of)
		}
		if len(domain.ChallengeName(name)) > 253 {
			t.Fatalf("the challenge of %q has no name", name)
		}
	})
}
