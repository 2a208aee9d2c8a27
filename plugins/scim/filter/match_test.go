package filter_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
)

const ida = `{"id":"u1","userName":"Ida@Corp.test","active":true,"title":"Straße","name":{"familyName":"Berg"},
"emails":[{"type":"work","value":"ida@corp.test","primary":true},{"type":"home","value":"ida@home.test"}],
"urn:example:every":{"count":7,"share":0.50,"since":"2026-01-31T12:00:00Z","tags":["red","Blue"]}}`

func TestMatch(t *testing.T) {
	t.Parallel()
	users, _ := types(t)
	doc, err := body.Decode([]byte(ida), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`userName eq "IDA@corp.TEST"`: true, `id eq "U1"`: false, `id eq "u1"`: true, `userName ne "ida@corp.test"`: false,
		`userName sw "IDA"`: true, `userName ew ".TEST"`: true, `userName co "corp"`: true, `userName co "x"`: false,
		`userName gt "h"`: true, `userName lt "h"`: false, `title eq "STRAẞE"`: true, `title eq "strasse"`: false,
		`active eq true`: true, `active eq false`: false, `active ne false`: true,
		`emails.value eq "IDA@home.test"`: true, `emails[type eq "work" and value ew "home.test"]`: false,
		`emails[type eq "home" and value ew "home.test"]`: true, `emails[primary eq true]`: true, `emails[not (type eq "work")]`: true,
		`emails[primary ne true]`: true, `emails.type ne "work"`: false,
		`nickName pr`: false, `title pr`: true, `nickName eq null`: true, `title eq null`: false, `title ne null`: true, `nickName ne "x"`: true,
		`urn:example:every:count eq 7.0`: true, `urn:example:every:count ge 7`: true, `urn:example:every:count gt 7`: false,
		`urn:example:every:share lt 0.6`: true, `urn:example:every:share eq 0.5`: true, `urn:example:every:count lt 1e400`: true,
		`urn:example:every:since eq "2026-01-31T13:00:00+01:00"`: true, `urn:example:every:since lt "2026-01-31T12:00:00.001Z"`: true,
		`urn:example:every:tags eq "blue"`: true, `urn:example:every:tags[value eq "RED"]`: true, `urn:example:every:tags eq "green"`: false,
		`name.familyName eq "berg" and (active eq false or title pr)`: true, `not (name.familyName eq "berg")`: false,
	} {
		e, err := filter.Parse(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		f, err := filter.Compile(e, users, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := filter.Budget{Left: 1000}
		if got := filter.NewMatcher(f).Match(doc, &b); got != want || b.Spent() {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestBudget: a text costs what it is long, and a match that went on too long
// says so.
func TestBudget(t *testing.T) {
	t.Parallel()
	users, _ := types(t)
	e, err := filter.Parse(`title co "x" or title co "y"`, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := filter.Compile(e, users, nil)
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{"title": strings.Repeat("Z", 4000)}
	b := filter.Budget{Left: 6000}
	if filter.NewMatcher(f).Match(doc, &b) || !b.Spent() {
		t.Errorf("after two looks at 4,000 bytes there are %d left of 6,000", b.Left)
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for a, b := range map[string]string{
		"ABC": "abc", "Ärger": "äRGER", "e\u0301": "É", "Σίσυφος": "ΣΊΣΥΦΟΣ", "K": "K" /* the Kelvin sign */, "": "", "ß": "ẞ",
	} {
		if filter.Fold(a) != filter.Fold(b) {
			t.Errorf("%q and %q differ: %q, %q", a, b, filter.Fold(a), filter.Fold(b))
		}
	}
	for a, b := range map[string]string{"a": "b", "ss": "ß", "i": "ı", "e": "é"} {
		if filter.Fold(a) == filter.Fold(b) {
			t.Errorf("%q and %q are the same", a, b)
		}
	}
}
