package scimerr_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	for kind, status := range map[scimerr.Type]int{scimerr.InvalidPath: 400, scimerr.Uniqueness: 409, scimerr.Sensitive: 403} {
		if e := scimerr.New(kind, "x %d", 1); e.Status != status || e.ScimType != kind || e.Error() != string(kind)+": x 1" {
			t.Errorf("%+v", e)
		}
	}
	if e := scimerr.Status(404, "gone"); e.Status != 404 || e.ScimType != "" || e.Error() != "gone" {
		t.Errorf("%+v", e)
	}
	inner := scimerr.New(scimerr.NoTarget, "nobody")
	var outer *scimerr.Error
	if err := scimerr.Within("Operation 2", inner); !errors.As(err, &outer) || outer.Detail != "Operation 2: nobody" || inner.Detail != "nobody" {
		t.Errorf("%v", err)
	}
	if other := errors.New("x"); !errors.Is(scimerr.Within("y", other), other) {
		t.Error("another error was changed")
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a": `"a"`, `a"b`: `"a'b"`, "\xff": `"?"`} {
		if got := scimerr.Quote(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
	if got := scimerr.Quote(strings.Repeat("ü", 1000)); len(got) > 100 || !utf8.ValidString(got) {
		t.Errorf("%d bytes", len(got))
	}
}
