package trial

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/gatehouse-id/gatehouse/core/config"
)

// Asked are those whom Rego tests have asked about.
type Asked struct {
	mu   sync.Mutex
	list []subject
}

const maxAsked = 100_000 // more are answered, and not counted

func (a *Asked) add(who subject) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.list) < maxAsked {
		a.list = append(a.list, who)
	}
}

// testCapabilities are what Rego tests may call: what computes from its arguments
// alone. The list is of what is allowed, so that what a newer OPA brings is not.
func testCapabilities(more []*tester.Builtin) *ast.Capabilities {
	categories := []string{"aggregates", "comparison", "conversions", "numbers", "object", "sets", "strings", "types"}
	prefixes := []string{"array.", "object.", "regex.", "strings.", "internal.member_"}
	names := []string{ast.InternalPrint.Name, ast.InternalTestCase.Name, ast.Print.Name, ast.And.Name, ast.Or.Name, ast.Assign.Name, ast.Equality.Name, ast.JSONMarshal.Name, ast.JSONUnmarshal.Name, ast.NumbersRange.Name, ast.Member.Name}
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return b.Nondeterministic || !slices.Contains(names, b.Name) &&
			!slices.ContainsFunc(b.Categories, func(x string) bool { return slices.Contains(categories, x) }) &&
			!slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(b.Name, p) })
	})
	for _, f := range more {
		c.Builtins = append(c.Builtins, f.Decl)
	}
	c.AllowNet = []string{}
	return c
}

// functions are how Rego tests ask the policy: by the way that people and clients
// go, whatever the policy is made of inside.
func (s *Suite) functions(asked *Asked, organizations map[string]string) []*tester.Builtin {
	roles := func(ctx context.Context, who subject, faults []fault) (*ast.Term, error) {
		if len(faults) > 0 {
			return nil, fmt.Errorf("%s: %s", faults[0].summary, faults[0].detail)
		}
		got, err := granted(ctx, s.policy, []subject{who})
		if err != nil {
			return nil, err
		}
		asked.add(who)
		set := ast.NewSet()
		for _, role := range namesOf(got[0]) {
			set.Add(ast.StringTerm(role))
		}
		return ast.NewTerm(set), nil
	}
	texts, object := types.NewSet(types.S), types.NewObject(nil, types.NewDynamicProperty(types.S, types.A))
	user := &rego.Function{Name: "gatehouse.user_roles", Description: "The roles of a user of a connection.", Decl: types.NewFunction(types.Args(types.S, object), texts)}
	client := &rego.Function{Name: "gatehouse.client_roles", Description: "The roles that mappings give to a client.", Decl: types.NewFunction(types.Args(object), texts)}
	return []*tester.Builtin{
		{Decl: declared(user), Func: rego.Function2(user, func(c rego.BuiltinContext, connection, attributes *ast.Term) (*ast.Term, error) {
			label, _ := connection.Value.(ast.String)
			organization, ok := organizations[string(label)]
			if !ok {
				hint := ""
				if near := config.Nearest(string(label), sorted(organizations)); near != "" {
					hint = fmt.Sprintf(" Did you mean %q?", near)
				}
				return nil, fmt.Errorf("there is no connection %q.%s", string(label), hint)
			}
			fields, err := fieldsOf(attributes)
			if err != nil {
				return nil, err
			}
			u, faults := newUser(string(label), organization, fields)
			return roles(c.Context, subject{user: u}, faults)
		})},
		{Decl: declared(client), Func: rego.Function1(client, func(c rego.BuiltinContext, attributes *ast.Term) (*ast.Term, error) {
			fields, err := fieldsOf(attributes)
			if err != nil {
				return nil, err
			}
			who, faults := s.newClient(nil, fields)
			return roles(c.Context, subject{client: who}, faults)
		})},
	}
}

func declared(f *rego.Function) *ast.Builtin {
	return &ast.Builtin{Name: f.Name, Description: f.Description, Decl: f.Decl}
}

// fieldsOf reads an object of texts and of lists, or sets, of texts.
func fieldsOf(t *ast.Term) (map[string]given, error) {
	value, err := ast.JSON(t.Value)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the attributes are an object")
	}
	fields := map[string]given{}
	for _, name := range sorted(object) {
		var f given
		switch v := object[name].(type) {
		case nil:
			continue
		case string:
			f.kind, f.text = aText, v
		case []any:
			f.kind, f.list = aList, []string{}
			for _, x := range v {
				text, ok := x.(string)
				if !ok {
					return nil, fmt.Errorf("the list %q holds what is no text", name)
				}
				f.list = append(f.list, text)
			}
		default:
			return nil, fmt.Errorf("the attribute %q is neither a text nor a list of texts", name)
		}
		fields[name] = f
	}
	return fields, nil
}
