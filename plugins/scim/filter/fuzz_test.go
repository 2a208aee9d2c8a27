package filter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	other "github.com/scim2/filter-parser/v2"

	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/filter"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// flat writes a filter in a form that two parsers can agree on.
func flat(e filter.Expr) string {
	switch e := e.(type) {
	case filter.And:
		return chain("and", e)
	case filter.Or:
		return chain("or", e)
	case filter.Not:
		return "not(" + flat(e.Of) + ")"
	case filter.ValuePath:
		return strings.ToLower(e.Attr) + "[" + flat(e.Filter) + "]"
	case filter.Compare:
		if e.Op == directory.Present {
			return strings.ToLower(e.Attr) + " pr"
		}
		return fmt.Sprintf("%s %s %#v", strings.ToLower(e.Attr), e.Op, fmt.Sprint(e.Value))
	}
	return "?"
}

// chain flattens what stands in parentheses within the same operator, which the
// other parser does not keep.
func chain(op string, list []filter.Expr) string {
	var parts []string
	for _, e := range list {
		part := flat(e)
		parts = append(parts, strings.TrimSuffix(strings.TrimPrefix(part, op+"{"), "}"+op))
	}
	return op + "{" + strings.Join(parts, ",") + "}" + op
}

func flatOther(e other.Expression) string {
	switch e := e.(type) {
	case *other.LogicalExpression:
		op := strings.ToLower(string(e.Operator))
		var parts []string
		for _, side := range []other.Expression{e.Left, e.Right} {
			parts = append(parts, strings.TrimSuffix(strings.TrimPrefix(flatOther(side), op+"{"), "}"+op))
		}
		return op + "{" + strings.Join(parts, ",") + "}" + op
	case *other.NotExpression:
		return "not(" + flatOther(e.Expression) + ")"
	case *other.ValuePath:
		return strings.ToLower(e.AttributePath.String()) + "[" + flatOther(e.ValueFilter) + "]"
	case *other.AttributeExpression:
		if strings.EqualFold(string(e.Operator), "pr") {
			return strings.ToLower(e.AttributePath.String()) + " pr"
		}
		return fmt.Sprintf("%s %s %#v", strings.ToLower(e.AttributePath.String()), strings.ToLower(string(e.Operator)), fmt.Sprint(e.CompareValue))
	}
	return "?"
}

func seeds(f *testing.F) {
	f.Helper()
	for _, s := range []string{
		`userName eq "bjensen"`, `name.familyName co "O'Malley"`, `urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`, `title pr`,
		`meta.lastModified gt "2011-05-13T04:42:34Z"`, `title pr and userType eq "Employee"`, `title pr or userType eq "Intern"`,
		`userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`, `userType ne "Employee" and not (emails co "example.com")`,
		`emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`, `externalId eq ida`, `a eq 1e5 or b eq null`,
		`emails[type eq "work"].value`, `members[value eq "u1"]`, `a eq "\ud83d\ude00"`, `((a pr))`, `a pr and b pr or c pr and d pr`,
	} {
		f.Add(s)
	}
}

// FuzzParse: no filter hurts; and where the other parser reads one too, both read
// the same.
func FuzzParse(f *testing.F) {
	seeds(f)
	users, groups := types(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range []*dialect.Reading{nil, dialect.All().Read()} {
			e, err := filter.Parse(text, r)
			if err != nil {
				typed(t, err)
				continue
			}
			filter.Unescape(e)
			doc := map[string]any{"userName": "bjensen", "emails": []any{map[string]any{"type": "work", "value": "x"}}}
			for _, rt := range []string{"User", "Group"} {
				in := users
				if rt == "Group" {
					in = groups
				}
				compiled, err := filter.Compile(e, in, r)
				if err != nil {
					typed(t, err)
					continue
				}
				filter.NewMatcher(compiled).Match(doc, &filter.Budget{Left: 1 << 16})
			}
		}
		if len(text) > 200 { // the other one is slow
			return
		}
		ours, err := filter.Parse(text, nil)
		if err != nil {
			return
		}
		theirs, err := other.ParseFilterNumber([]byte(text))
		if err != nil {
			return
		}
		if a, b := flat(ours), flatOther(theirs); a != b && !strings.Contains(text, `\`) {
			t.Errorf("%q\nours:   %s\ntheirs: %s", text, a, b)
		}
	})
}

func FuzzParsePath(f *testing.F) {
	seeds(f)
	users, _ := types(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range []*dialect.Reading{nil, dialect.All().Read()} {
			p, err := filter.ParsePath(text, r)
			if err != nil {
				typed(t, err)
				continue
			}
			users.Resolve(p.Attr)
			if p.Filter == nil && p.Attr != text {
				t.Errorf("%q was read as %q", text, p.Attr)
			}
		}
	})
}

func typed(t *testing.T, err error) {
	t.Helper()
	var refused *scimerr.Error
	if !errors.As(err, &refused) || refused.Status != 400 || refused.ScimType == "" || refused.Detail == "" {
		t.Errorf("%v is no error of a filter", err)
	}
}
