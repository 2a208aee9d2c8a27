package directory_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestCheckAttributes(t *testing.T) {
	large := `{"userName":"ada","x":"` + strings.Repeat("x", directory.AttributesLimit) + `"}`
	for name, c := range map[string]struct {
		typ        directory.Type
		attributes string
		want       problem.Code // "" is none
	}{
		"a user":                       {directory.User, `{"userName":"ada","name":{"givenName":"Ada"},"emails":[{"value":"a@x","primary":true}]}`, ""},
		"a group":                      {directory.Group, ` { "displayName" : "Tour Guides" } `, ""},
		"an own type has no rules":     {"Device", `{}`, ""},
		"active":                       {directory.User, `{"userName":"ada","active":false}`, ""},
		"active is a text":             {directory.User, `{"userName":"ada","active":"true"}`, problem.Invalid},
		"active is null":               {directory.User, `{"userName":"ada","active":null}`, problem.Invalid},
		"a user without a name":        {directory.User, `{"displayName":"Ada"}`, problem.Invalid},
		"a name that is empty":         {directory.User, `{"userName":""}`, problem.Invalid},
		"a name further in":            {directory.User, `{"name":{"userName":"ada"}}`, problem.Invalid},
		"a name that is a number":      {directory.User, `{"userName":12345}`, problem.Invalid},
		"a group without a name":       {directory.Group, `{"userName":"ada"}`, problem.Invalid},
		"members among them":           {directory.Group, `{"displayName":"x","members":[]}`, problem.Invalid},
		"members further in":           {directory.Group, `{"displayName":"x","urn:x":{"members":[{"id":1}]}}`, ""},
		"a password":                   {directory.User, `{"userName":"ada","password":"x"}`, problem.Invalid},
		"a name twice":                 {directory.User, `{"userName":"ada","userName":"bob"}`, problem.Invalid},
		"a name twice, written apart":  {directory.User, `{"userName":"ada","user\u004eame":"bob"}`, problem.Invalid},
		"a name twice further in":      {directory.User, `{"userName":"ada","x":[{"a":1,"b":{"a":1},"a":2}]}`, problem.Invalid},
		"a name once in each":          {directory.User, `{"userName":"ada","x":[{"a":1},{"a":1,"b":[1,2]}]}`, ""},
		"a name like a value":          {directory.User, `{"userName":"a","a":"userName"}`, ""},
		"escapes":                      {directory.User, `{"userName":"\"\\\u00e9\ud83d\ude00\/\n"}`, ""},
		"half a pair":                  {directory.User, `{"userName":"\ud83d"}`, problem.Invalid},
		"half a pair before another":   {directory.User, `{"userName":"\ud83d\u0041"}`, problem.Invalid},
		"the halves the wrong way":     {directory.User, `{"userName":"\ude00\ud83d"}`, problem.Invalid},
		"a backslash before a u":       {directory.User, `{"userName":"\\ud83d"}`, ""},
		"a NUL":                        {directory.User, `{"userName":"a\u0000"}`, problem.Invalid},
		"a NUL in a name":              {directory.User, `{"userName":"a","\u0000":1}`, problem.Invalid},
		"not UTF-8":                    {directory.User, "{\"userName\":\"\xff\"}", problem.Invalid},
		"no JSON":                      {directory.User, `{"userName":"ada"`, problem.Invalid},
		"two values":                   {directory.User, `{"userName":"ada"}{}`, problem.Invalid},
		"nothing":                      {directory.User, ``, problem.Invalid},
		"an array":                     {directory.User, `[{"userName":"ada"}]`, problem.Invalid},
		"null":                         {directory.User, `null`, problem.Invalid},
		"deep":                         {directory.User, `{"userName":"ada","x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, ""},
		"too deep":                     {directory.User, `{"userName":"ada","x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, problem.Invalid},
		"too large":                    {directory.User, large, problem.Invalid},
		"numbers and words in a place": {directory.User, `{"a":[1,-2.5e3,true,false,null],"userName":"ada"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := directory.CheckAttributes(c.typ, json.RawMessage(c.attributes))
			if c.want == "" && err != nil {
				t.Fatalf("CheckAttributes: %v, want none", err)
			}
			if c.want != "" && !problem.Is(err, c.want) {
				t.Fatalf("CheckAttributes: %v, want %s", err, c.want)
			}
		})
	}
}

// What passes can be read back, and no name of an object was lost by it.
func FuzzCheckAttributes(f *testing.F) {
	f.Add(`{"userName":"ada","emails":[{"value":"a@x"}]}`)
	f.Add(`{"displayName":"x","a":{"b":[1,true,null,"\ud83d\ude00"]}}`)
	f.Add(`{"a":1,"\u0061":2}`)
	f.Fuzz(func(t *testing.T, text string) {
		if directory.CheckAttributes("Device", json.RawMessage(text)) != nil {
			return
		}
		if !utf8.ValidString(text) {
			t.Error("it is not UTF-8")
		}
		var top map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &top); err != nil {
			t.Fatalf("it is no object: %v", err)
		}
		d := json.NewDecoder(strings.NewReader(text))
		var unique func() error
		unique = func() error {
			token, err := d.Token()
			if err != nil || token != json.Delim('{') && token != json.Delim('[') {
				return err
			}
			seen := map[string]bool{}
			for d.More() {
				if token == json.Delim('{') {
					name, err := d.Token()
					if err != nil {
						return err
					}
					if seen[name.(string)] {
						t.Errorf("%q stands twice", name)
					}
					seen[name.(string)] = true
				}
				if err := unique(); err != nil {
					return err
				}
			}
			_, err = d.Token()
			return err
		}
		if err := unique(); err != nil {
			t.Fatal(err)
		}
	})
}
