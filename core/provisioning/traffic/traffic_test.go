package traffic_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
)

func TestBody(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ path, body, want string }{
		"a user": {
			"/Users", `{"schemas":["urn:x"],"userName":"jane@acme.example","externalId":"00u1","password":"hunter2","name":{"givenName":"Jane","formatted":"Jane Doe"},"active":true,"displayName":"Jane"}`,
			`{"schemas":["urn:x"],"userName":"jane@acme.example","externalId":"00u1","password":"…","name":{"givenName":"…","formatted":"…"},"active":true,"displayName":"…"}`,
		},
		"e-mails": {
			"/Users", `{"emails":[{"value":"jane@home.example","type":"work","primary":true}]}`,
			`{"emails":[{"value":"…","type":"work","primary":true}]}`,
		},
		"an extension": {
			"/Users", `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":701984,"department":"Tour","manager":{"value":"26118915","displayName":"John"}}}`,
			`{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":…,"department":"…","manager":{"value":"26118915","displayName":"…"}}}`,
		},
		"a group": {
			"/groups/1", `{"displayName":"Platform Admins","members":[{"value":"u1","display":"Jane Doe"}]}`,
			`{"displayName":"Platform Admins","members":[{"value":"u1","display":"…"}]}`,
		},
		"a list": {
			"/Users", `{"totalResults":2,"itemsPerPage":1,"Resources":[{"id":"1","userName":"jane","title":"CEO","meta":{"location":"https://h/1","version":"W/\"1\""}}]}`,
			`{"totalResults":2,"itemsPerPage":1,"Resources":[{"id":"1","userName":"jane","title":"…","meta":{"location":"https://h/1","version":"W/\"1\""}}]}`,
		},
		"a patch of Entra": {
			"/Users/1", `{"Operations":[{"op":"Replace","path":"active","value":"False"},{"op":"Add","path":"emails[type eq \"work\"].value","value":"jane@home.example"},{"op":"replace","path":"title","value":"CEO"}]}`,
			`{"Operations":[{"op":"Replace","path":"active","value":"False"},{"op":"Add","path":"emails[type eq \"work\"].value","value":"…"},{"op":"replace","path":"title","value":"…"}]}`,
		},
		"members of a patch": {
			"/Groups/1", `{"Operations":[{"op":"remove","path":"members[value eq \"u1\"]"},{"op":"add","path":"members","value":[{"value":"u2","display":"Jane"}]},{"op":"add","path":"members","value":["u3"]}]}`,
			`{"Operations":[{"op":"remove","path":"members[value eq \"u1\"]"},{"op":"add","path":"members","value":[{"value":"u2","display":"…"}]},{"op":"add","path":"members","value":["u3"]}]}`,
		},
		"a patch without a path": {
			"/Users/1", `{"Operations":[{"op":"replace","value":{"active":false,"name.givenName":"Jane","password":"x"}}]}`,
			`{"Operations":[{"op":"replace","value":{"active":false,"name.givenName":"…","password":"…"}}]}`,
		},
		"the value before its path": {
			"/Users/1", `{"Operations":[{"op":"replace","value":"hunter2","path":"password"}]}`,
			`{"Operations":[{"op":"replace","value":"…","path":"password"}]}`,
		},
		"a bulk": {
			"/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"q1","data":{"userName":"jane","password":"x"}}]}`,
			`{"Operations":[{"method":"POST","path":"…","bulkId":"q1","data":{"userName":"jane","password":"…"}}]}`,
		},
		"an error":            {"/Users", `{"status":"409","scimType":"uniqueness","detail":"taken"}`, `{"status":"409","scimType":"uniqueness","detail":"taken"}`},
		"another case":        {"/Users", `{"USERNAME":"jane","PassWord":"x"}`, `{"USERNAME":"jane","PassWord":"…"}`},
		"escaped names":       {"/Users", `{"user\u004eame":"jane","\u0070assword":"x"}`, `{"userName":"jane","password":"…"}`},
		"a name of a person":  {"/Users", `{"jane@acme.example":"x","Jane Doe":1}`, `{"…":"…","Jane …":…}`},
		"deep within":         {"/Users", `{"badge":{"id":"secret","userName":"x"}}`, `{"badge":{"id":"…","userName":"…"}}`},
		"control characters":  {"/Users", "{\"userName\":\"a\\u001bb\x07c\"}", `{"userName":"a?b?c"}`},
		"no JSON":             {"/Users", `userName=jane&password=x`, `(24 bytes that are no JSON object)`},
		"nothing":             {"/Users", ` `, ``},
		"cut short":           {"/Users", `{"userName":"ja`, `{"userName":…`},
		"a word cut short":    {"/Users", `{"active":tru`, `{"active":…`},
		"no word of JSON":     {"/Users", `{"x":hunter2}`, `{"x":…`},
		"more behind the end": {"/Users", `{} hunter2`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := traffic.Body(tt.path, []byte(tt.body)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestALongBodyIsCut(t *testing.T) {
	t.Parallel()
	body := `{"members":[` + strings.Repeat(`{"value":"0123456789"},`, 100_000) + `{}]}`
	if got := traffic.Body("/Groups", []byte(body)); len(got) > 5<<10 || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes, …%s", len(got), got[max(0, len(got)-20):])
	}
	deep := strings.Repeat(`{"a":`, 10_000)
	if got := traffic.Body("/Users", []byte(deep)); len(got) > 1<<10 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":                           "",
		"startIndex=1&count=100":     "startIndex=1&count=100",
		"filter=userName+eq+%22a%22": `filter=userName eq "a"`,
		"filter=emails[type%20eq%20%22work%22].value%20eq%20%22a@b%22":   `filter=emails[type eq "work"].value eq …`,
		"filter=emails.value+eq+%22a@b%22":                               `filter=emails.value eq …`,
		"filter=name.givenName+eq+%22a+b%22+or+externalId+eq+%22x%22":    `filter=name.givenName eq … or externalId eq "x"`,
		"filter=title+eq+Jane+Doe+and+more":                              `filter=title eq … … and more`,
		"filter=not+(members.value+eq+%22u1%22)+and+meta.created+gt+%22": `filter=not (members.value eq "u1") and meta.created gt "`,
		"filter=displayName+eq+%22Jane%22":                               `filter=displayName eq …`,
		"filter=%22Jane%22":                                              `filter=…`,
		"access_token=ghscim_x&password=y":                               "access_token=…&password=…",
		"count=%zz":                                                      "…",
		"jane@acme=1":                                                    "…",
		"filter=userName+eq+%22a%1b%22":                                  `filter=userName eq "a?"`,
	} {
		if got := traffic.Query("/Users", raw); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", raw, got, want)
		}
	}
	if got := traffic.Query("/Groups", "filter=displayName+eq+%22Staff%22"); got != `filter=displayName eq "Staff"` {
		t.Error(got)
	}
}

// Whatever stands in an attribute that is not listed is not shown, wherever it
// stands and however the document is written.
func TestWhatIsHiddenStaysHidden(t *testing.T) {
	t.Parallel()
	const canary = "hunter2-canary"
	rapid.Check(t, func(t *rapid.T) {
		var value func(depth int) any
		value = func(depth int) any {
			switch n := rapid.IntRange(0, 3).Draw(t, "kind"); {
			case n == 0 && depth < 4:
				o := map[string]any{}
				for range rapid.IntRange(0, 3).Draw(t, "members") {
					o[rapid.SampledFrom([]string{"password", "title", "name", "emails", "x-secret", "urn:a:b", "Operations", "Resources", "meta"}).Draw(t, "name")] = value(depth + 1)
				}
				return o
			case n == 1 && depth < 4:
				return []any{value(depth + 1), value(depth + 1)}
			}
			return canary
		}
		text, err := json.MarshalIndent(map[string]any{"password": value(0), "title": value(0), "userName": "jane"}, "", rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "indent"))
		if err != nil {
			t.Fatal(err)
		}
		if got := traffic.Body("/Users", text); strings.Contains(got, canary) {
			t.Fatalf("%s\nshows %s", text, got)
		}
	})
}

func FuzzBody(f *testing.F) {
	for _, body := range []string{`{"userName":"a","password":"b"}`, `[{"value":1}]`, `{"a":"\u00`, `{"Operations":[{"path":"a[","value":[`, "{\"\xff\":1}"} {
		f.Add("/Users", []byte(body))
	}
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		got := traffic.Body(path, body)
		if !utf8.ValidString(got) || len(got) > 8<<10 || strings.ContainsAny(got, "\x00\x1b\r\n") {
			t.Errorf("%q shows %q", body, got)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, query := range []string{"filter=a+eq+%22b%22", "filter=a[b+eq+c", "%", "=", "&&", "filter=)("} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if got := traffic.Query("/Users", query); !utf8.ValidString(got) || len(got) > 2<<10 || strings.ContainsAny(got, "\x00\x1b\r\n") {
			t.Errorf("%q shows %q", query, got)
		}
	})
}

func entry(connection, target string, at time.Time) traffic.Entry {
	return traffic.Entry{At: at, Connection: connection, Method: "GET", Target: target, Status: 200}
}

func targets(l *traffic.Log, connection string) (list []string) {
	for _, e := range l.Last(connection, 1000) {
		list = append(list, e.Target)
	}
	return list
}

func TestTheLogIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	l := traffic.New()
	l.Add(entry("quiet", "/Users/1", now))
	for i := range 1000 {
		l.Add(entry("busy", fmt.Sprintf("/Users/%d", i), now))
	}
	busy := targets(l, "busy")
	if len(busy) != traffic.PerConnection || busy[0] != "/Users/999" {
		t.Errorf("%d entries, the first %v", len(busy), busy[:1])
	}
	if got := targets(l, "quiet"); len(got) != 1 {
		t.Errorf("a quiet connection has lost what it had: %v", got)
	}
	large := entry("busy", "/Users", now)
	large.Request = strings.Repeat("x", 100<<10)
	for range 10 {
		l.Add(large)
	}
	if got := targets(l, "busy"); len(got) != 2 {
		t.Errorf("%d entries of 100 KiB", len(got))
	}
	for i := range 1000 {
		large.Connection = fmt.Sprint(i)
		l.Add(large)
	}
	kept := 0
	for i := range 1000 {
		kept += len(targets(l, fmt.Sprint(i)))
	}
	if kept < 250 || kept > 330 || len(targets(l, "999")) != 1 {
		t.Errorf("%d entries of 100 KiB of all connections", kept)
	}
	l.Add(entry("late", "/Users", now.Add(25*time.Hour)))
	if got := targets(l, "999"); got != nil {
		t.Errorf("entries of yesterday: %v", got)
	}
}

func TestRefusalsInARowAreOneEntry(t *testing.T) {
	t.Parallel()
	l, now := traffic.New(), time.Unix(1, 0)
	l.Add(entry("a", "/Users/1", now))
	refused := entry("a", "/Users", now)
	refused.Status, refused.Problem = 429, "throttled"
	for range 500 {
		l.Add(refused)
	}
	l.Add(entry("a", "/Users/2", now))
	l.Add(refused)
	list := l.Last("a", 10)
	if len(list) != 4 || list[0].Times != 1 || list[2].Times != 500 || list[3].Target != "/Users/1" {
		t.Errorf("%+v", list)
	}
	if got := l.Last("a", 2); len(got) != 2 {
		t.Errorf("%d entries, want 2", len(got))
	}
}

func TestAttributeForm(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^\.?[A-Za-z$][A-Za-z0-9_.:$-]{0,199}$`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`\.?[A-Za-z$0-9_.:-]{0,5}`), rapid.StringMatching(`\.?[A-Za-z$][A-Za-z0-9_.:$-]{195,202}`),
			rapid.String()).Draw(t, "text")
		if got, want := traffic.AttributeForm(text), form.MatchString(text); got != want {
			t.Fatalf("%q: %t, want %t", text, got, want)
		}
	})
}
