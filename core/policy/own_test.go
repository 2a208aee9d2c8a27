package policy_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-id/gatehouse/core/policy"
)

// ownRego are rules in which connections have these policies.
func ownRego(sources map[string]string) policy.Rules {
	rules := policy.Rules{Roles: []policy.Role{
		{Name: "admin", Permissions: []string{"*"}}, {Name: "analyst"}, {Name: "operator", Permissions: []string{"x:y", "gatehouse:keys"}},
	}}
	for label, source := range sources {
		rules.Own = append(rules.Own, policy.Own{Connection: label, Source: "package gatehouse.custom\n\n" + source, Where: label + ".hcl:1", Range: at(7), Limit: time.Minute})
	}
	return rules
}

func TestOwnRego(t *testing.T) {
	t.Parallel()
	own := func(role, rule, reason string) policy.Granted {
		return policy.Granted{Role: role, Source: policy.SourceMapping, Rule: "acme/rego:" + rule, Reason: reason}
	}
	const because = "the rego of the connection"
	who := person("acme", map[string]string{"department": "Analytics", "email": "jane@acme.example"}, policy.Group{Name: "Data", ID: "g1"}, policy.Group{Name: "Team Mu\u0308ller"})
	who.Emails = []string{"jane@acme.example", "j@acme.example"}
	for name, c := range map[string]struct {
		source string
		want   []policy.Granted
	}{
		"nobody":      {`grants := set()`, nil},
		"by a group":  {`grants contains {"role": "admin"} if "Data" in input.user.groups`, []policy.Granted{own("admin", "grants", because)}},
		"by an id":    {`grants contains {"role": "admin"} if "g1" in input.user.group_ids`, []policy.Granted{own("admin", "grants", because)}},
		"in NFC":      {"grants contains {\"role\": \"admin\"} if \"Team M\u00fcller\" in input.user.groups", []policy.Granted{own("admin", "grants", because)}},
		"by a reason": {`grants contains {"role": "analyst", "rule": "mails", "reason": mail} if { some mail in input.user.emails; startswith(mail, "j@") }`, []policy.Granted{own("analyst", "mails", "j@acme.example")}},
		"two rules": {`grants contains {"role": role, "rule": "both"} if { some role in roles[input.user.department] }
roles := {"Analytics": ["analyst", "admin"]}`, []policy.Granted{own("admin", "both", because), own("analyst", "both", because)}},
		"what is absent is undefined": {`grants contains {"role": "admin"} if input.user.title != "x"`, nil},
		"one role for two reasons":    {`grants contains {"role": "analyst", "reason": mail} if { some mail in input.user.emails }`, []policy.Granted{own("analyst", "grants", "j@acme.example")}},
		"a reason that hides":         {"grants := {{\"role\": \"analyst\", \"reason\": \"a\\u001b[31m\\u202e\"}}", []policy.Granted{own("analyst", "grants", "a\ufffd[31m\ufffd")}},
		"as a whole": {`grants contains {"role": "admin"} if { input == {"connection": "acme", "user": {"id": "u1", "organization": "o1", "department": "Analytics", "email": "jane@acme.example",
	"emails": {"jane@acme.example", "j@acme.example"}, "groups": {"Data", "Team M` + "\u00fc" + `ller"}, "group_ids": {"g1"}}} }`, []policy.Granted{own("admin", "grants", because)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := compile(t, ownRego(map[string]string{"acme": c.source}))
			got, err := p.Owned(t.Context(), who)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if kept, err := p.Mapped(t.Context(), []policy.User{who}); err != nil || len(kept[0]) != 0 {
				t.Errorf("as a mapping: %v, %v", kept, err)
			}
			if p.Where("acme/rego:grants") != "acme.hcl:1" || !p.HasOwn("acme") || p.HasOwn("globex") {
				t.Error("nobody knows where it stands")
			}
		})
	}
}

// Two policies are of one package, and neither reads what the other says.
func TestOwnRegoIsAlone(t *testing.T) {
	t.Parallel()
	p := compile(t, ownRego(map[string]string{
		"acme":   "secret := \"admin\"\ngrants contains {\"role\": secret}",
		"globex": "secrets contains x if x := \"analyst\"\ngrants contains {\"role\": role} if { some role in data.gatehouse.custom.secrets }",
	}))
	for label, want := range map[string]string{"acme": "admin", "globex": "analyst"} {
		got, err := p.Owned(t.Context(), person(label, nil))
		if err != nil || len(got) != 1 || got[0].Role != want {
			t.Errorf("%s: %v, %v", label, got, err)
		}
	}
}

// What is refused with the configuration, with the line within the policy.
func TestOwnRegoThatIsRefused(t *testing.T) {
	t.Parallel()
	body := func(line string) string { return "grants contains {\"role\": \"admin\"} if {\n\t" + line + "\n}" }
	for name, c := range map[string]struct{ source, want string }{
		"no Rego":                  {`grants contains {`, "line 3"},
		"no Rego of version 1":     {`grants[x] { x := {"role": "admin"} }`, "line 3"},
		"the network":              {body(`http.send({"method": "get", "url": "http://127.0.0.1"}).status_code == 200`), "line 4: undefined function http.send"},
		"the environment":          {body(`opa.runtime().env.PATH != ""`), "undefined function opa.runtime"},
		"the clock":                {body(`time.now_ns() > 0`), "undefined function time.now_ns"},
		"a parser":                 {body(`rego.parse_module("x", "package x")`), "undefined function rego.parse_module"},
		"a range":                  {body(`count(numbers.range(1, 1e9)) > 0`), "line 4"},
		"a range of small words":   {body(`count(numbers.range(1, 1000000000)) > 0`), "undefined function numbers.range"},
		"padding":                  {body(`sprintf("%999999999d", [1]) != ""`), "undefined function sprintf"},
		"concat":                   {body(`concat("aaaaaaaa", ["a", "a"]) != ""`), "undefined function concat"},
		"replace":                  {body(`replace("aaaa", "a", "aaaa") != ""`), "undefined function replace"},
		"split":                    {body(`split("aaaa", "") != []`), "undefined function split"},
		"a template":               {body(`$"{input.user.id}{input.user.id}" != ""`), "template strings"},
		"a regular expression":     {body(`regex.match("(a*)*b", "aaaa")`), "undefined function regex.match"},
		"a glob":                   {body(`glob.match("{a,b}*", [], "aaaa")`), "undefined function glob.match"},
		"powers":                   {body(`x := 10 * 10; x > 1`), "undefined function mul"},
		"shifts":                   {body(`bits.lsh(1, 1000000000) > 0`), "undefined function bits.lsh"},
		"a number as large":        {body(`1e1000000000 > 0`), "line 4"},
		"a long number":            {body(`11111111111111111111 > 0`), "at most 15 digits"},
		"the numbers of a text":    {body(`to_number("1e1000") > 0`), "undefined function to_number"},
		"an encoding":              {body(`base64.encode("a") != ""`), "undefined function base64.encode"},
		"a walk":                   {body(`walk(input, [_, _])`), "undefined function walk"},
		"randomness":               {body(`rand.intn("x", 2) == 1`), "undefined function rand.intn"},
		"another input":            {body(`true with input as {}`), "line 4: with is no part"},
		"data of others":           {body(`data.gatehouse.connections.acme`), "line 4: there is no data but its own"},
		"all data":                 {body(`data[x] == 1; x == 2`), "there is no data but its own"},
		"data as a value":          {body(`x := data; x != 1`), "there is no data but its own"},
		"an import":                {"import data.other\n" + body(`other.x`), "line 3: import is no part"},
		"another package":          {"package gatehouse\n", "line 3: unexpected package"},
		"a secret by mistake":      {"hunter2-very-secret", "line 3"},
		"recursion":                {"f(x) := f(x)\n" + body(`f(1)`), "recursive"},
		"a variable for nothing":   {body(`x := 1`), "assigned var x unused"},
		"an unknown function":      {body(`f(1)`), "undefined function f"},
		"too much":                 {strings.Repeat("# comment\n", 7000), "65536 is the most"},
		"brackets":                 {body("x := " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "; x != 1"), "line 4: brackets stand more than 32 deep"},
		"comprehensions":           {body("x := " + strings.Repeat("{y | y := ", 12) + "1" + strings.Repeat("}", 12) + "; x != 1"), "more than 4 deep"},
		"arrays without an end":    {body("x := [y | some y in input.user.groups]; x != 1"), "line 4: comprehensions are of sets"},
		"objects without an end":   {body("x := {y: y | some y in input.user.groups}; x != 1"), "line 4: comprehensions are of sets"},
		"rules that are objects":   {"p[x] := x if some x in input.user.groups\n" + body("p.x"), "line 3: a rule has a name without"},
		"rules within others":      {"p.q contains x if some x in input.user.groups\n" + body("p.q"), "line 3: a rule has a name without"},
		"every within every":       {body(strings.Repeat("every x in input.user.groups { ", 5) + "x != 1" + strings.Repeat("}", 5)), "more than 4 deep"},
		"values that double":       {body(doubling("x", 28) + "x28 != 1"), "a value of too many parts"},
		"rules that double":        {functions(28, "x%[1]d := [x%[2]d, x%[2]d]\n", "x0 := [input.user.id, 1]\n") + `grants contains {"role": x28}`, "the literals of all rules together"},
		"arguments that double":    {functions(28, "f%[1]d(x) := f%[2]d([x, x])\n", "f0(x) := x\n") + `grants contains {"role": f28(1)}`, "the literals of all rules together"},
		"a large one that doubles": {"l := " + quoted(3000) + "\n" + functions(8, "x%[1]d := [x%[2]d, x%[2]d]\n", "x0 := l\n") + `grants contains {"role": x8}`, "the literals of all rules together"},
		"a large one in a rule":    {"l := [1]\n" + body("x0 := ["+strings.Repeat("1, ", 3000)+"l]\n x1 := [x0, x0]\nx2 := [x1, x1]\nx3 := [x2, x2]\nx4 := [x3, x3]\nx5 := [x4, x4]\nx6 := [x5, x5]; x6 != 1"), "too many parts"},
		"values that grow faster":  {body("x0 := input.user.id\n x1 := [" + strings.Repeat("x0,", 100) + "]\nx2 := [" + strings.Repeat("[x1, x1],", 100) + "]; x2 != 1"), "a value of too many parts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			p, diags := policy.Compile(t.Context(), ownRego(map[string]string{"acme": c.source}))
			if p != nil || !diags.HasErrors() || !strings.Contains(diags[0].Detail, c.want) || diags[0].Subject == nil || diags[0].Subject.Start.Line != 7 {
				t.Errorf("%v; want %s", diags, c.want)
			}
			if strings.Contains(fmt.Sprint(diags), "hunter2") {
				t.Errorf("what stands in it is repeated: %v", diags)
			}
			t.Log(time.Since(began), diags)
		})
	}
}

// doubling are lines of which each makes a value of two of the one before.
func doubling(name string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s0 := [input.user, 1]\n", name)
	for i := range n {
		fmt.Fprintf(&b, "\t%[1]s%[2]d := [%[1]s%[3]d, %[1]s%[3]d]\n", name, i+1, i)
	}
	return b.String()
}

// The answers that are none. Each is an error, and never "no roles".
func TestOwnRegoWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, want string }{
		"an unknown role":           {`grants contains {"role": "root"}`, "no role block declares"},
		"a role that administers":   {`grants contains {"role": "operator"}`, "administers Gatehouse"},
		"a role of the IdP's":       {`grants contains {"role": g} if { some g in input.user.groups }`, "no role block declares"},
		"no role":                   {`grants contains {"rule": "x"}`, "no role block declares"},
		"no object":                 {`grants contains "admin"`, "no object"},
		"no texts":                  {`grants contains {"role": ["admin"]}`, "more than the texts"},
		"more words":                {`grants contains {"role": "admin", "until": "x"}`, "more than the texts"},
		"no set":                    {`grants := [{"role": "admin"}]`, "no set"},
		"undefined":                 {`grants := {{"role": "admin"}} if input.user.title == "x"`, "undefined"},
		"not there":                 {`grant := 1`, "undefined"},
		"a rule of another":         {`grants contains {"role": "admin", "rule": "../admins"}`, "names a rule"},
		"a long reason":             {`grants contains {"role": "admin", "reason": "` + strings.Repeat("a", 257) + `"}`, "256 is the most"},
		"two answers":               {"grants := {{\"role\": \"admin\"}} if input.user.id\ngrants := set() if input.user.organization", "conflict"},
		"too many":                  {`grants contains {"role": "admin", "rule": r} if { some r in l }` + "\nl := " + quoted(70), "64 is the most"},
		"an error of a function":    {`grants contains {"role": "admin"} if { lower(input.user.groups) == "x" }`, "lower"},
		"crossing without an end":   {"l := " + quoted(60) + "\ngrants contains {\"role\": \"admin\"} if { some a in l; some b in l; some c in l; some d in l; some e in l; some f in l; a == b; b == c; c == d; d != e; e == f; f == a }", "longer than"},
		"collecting without end":    {"l := " + quoted(60) + "\ngrants contains {\"role\": [a, b, c, d, e]} if { some a in l; some b in l; some c in l; some d in l; some e in l }", "longer than"},
		"comprehensions for ever":   {"l := " + quoted(60) + "\nx := {a | some a in l; some _ in l; some _ in l; some _ in l; some _ in l}\ngrants contains {\"role\": \"admin\"} if count(x) == 1", "longer than"},
		"two values that are large": {functions(10, "x%[1]d := [x%[2]d, x%[2]d]\n", "x0 := [input.user.id, 1]\n") + "y := x10 if input.user.id\ny := [x10] if input.user.id\ngrants contains {\"role\": \"admin\"} if y[0]", "conflict"},
		"two that are not the same": {functions(5, "x%[1]d := [x%[2]d, x%[2]d]\ny%[1]d := [y%[2]d, y%[2]d]\n", "x0 := [input.user.id, 1]\ny0 := [input.user.id, 2]\n") + "grants contains {\"role\": \"root\"} if x5 != y5", "no role block"},
		"a large one":               {functions(10, "x%[1]d := [x%[2]d, x%[2]d]\n", "x0 := [input.user.id]\n") + "grants contains {\"role\": \"root\"} if x10 == x10", "no role block"},
		"two large ones of many":    {"l := " + quoted(60) + "\n" + functions(8, "x%[1]d := {[x%[2]d, i] | some i in l}\n", "x0 := [input.user.id, 1]\n") + "y := x8 if input.user.id\ny := [x8] if input.user.id\ngrants contains {\"role\": \"admin\"} if y[0]", "conflict"},
		"a large one compared":      {"l := " + quoted(60) + "\n" + functions(5, "x%[1]d := {[x%[2]d, i] | some i in l}\ny%[1]d := {[y%[2]d, i] | some i in l}\n", "x0 := [input.user.id, 1]\ny0 := [input.user.id, 1]\n") + "grants contains {\"role\": \"admin\"} if x5 == y5", "deadline exceeded"},
		"arguments that double":     {functions(10, "f%[1]d(x) := f%[2]d([x, x])\n", "f0(x) := x\n") + `grants contains {"role": "admin"} if f10(input.user.id) == f10([input.user.id])`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			rules := ownRego(map[string]string{"acme": c.source})
			if c.want == "longer than" || c.want == "deadline exceeded" {
				rules.Own[0].Limit = 0
			}
			p := compile(t, rules)
			got, err := p.Owned(t.Context(), person("acme", nil, policy.Group{Name: "admins"}))
			if name == "arguments that double" {
				return // what matters is that it ends
			}
			if err == nil || got != nil || !strings.Contains(errors.Join(err, unwrapped(err)).Error(), c.want) {
				t.Errorf("%v, %v; want %s", got, err, c.want)
			}
			t.Log(time.Since(began), unwrapped(err))
		})
	}
}

func unwrapped(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

func quoted(n int) string {
	var words []string
	for i := range n {
		words = append(words, fmt.Sprintf("%q", fmt.Sprint("w", i)))
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// functions is n of them, each by the one before.
func functions(n int, form, first string) string {
	var b strings.Builder
	b.WriteString(first)
	for i := range n {
		fmt.Fprintf(&b, form, i+1, i)
	}
	return b.String()
}

// The page lists the functions that there are, each deterministic, and no others.
func TestOwnRegoHasWhatThePageSays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "mappings.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "these functions are there, and no others:\n\n")
	list, _, _ := strings.Cut(rest, ".\n\n")
	var listed, there []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(list, -1) {
		listed = append(listed, m[1])
	}
	for _, b := range policy.OwnCapabilities().Builtins {
		if b.IsNondeterministic() {
			t.Errorf("%s is not deterministic", b.Name)
		}
		if b.Infix == "" && !strings.HasPrefix(b.Name, "internal.") {
			there = append(there, b.Name)
		}
	}
	slices.Sort(there)
	if diff := cmp.Diff(there, listed); diff != "" {
		t.Errorf("(-policy +page):\n%s", diff)
	}
	if len(policy.OwnCapabilities().Builtins) != len(policy.OwnBuiltins()) || policy.OwnCapabilities().AllowNet == nil {
		t.Error("the list has what OPA has not, or all networks are allowed")
	}
}
