package pluginhost_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

type identity = authnv1.Identity

// TestTextsOfAPersonThatAreRefused tries each text with control characters, a line
// break, and more than it may have.
func TestTextsOfAPersonThatAreRefused(t *testing.T) {
	t.Parallel()
	lies := map[string]lie{}
	for what, c := range map[string]struct {
		most int
		set  func(i *identity, text string)
	}{
		"the issuer":                 {1 << 10, func(i *identity, text string) { i.Issuer = text }},
		"the subject":                {1 << 10, func(i *identity, text string) { i.Subject = text }},
		"the e-mail address":         {320, func(i *identity, text string) { i.Email = text }},
		"the user name":              {256, func(i *identity, text string) { i.UserName = text }},
		"the display name":           {256, func(i *identity, text string) { i.DisplayName = text }},
		"the given name":             {256, func(i *identity, text string) { i.GivenName = text }},
		"the family name":            {256, func(i *identity, text string) { i.FamilyName = text }},
		"the session index":          {1 << 10, func(i *identity, text string) { i.SessionIndex = text }},
		"the authentication context": {1 << 10, func(i *identity, text string) { i.Authentication.Context = text }},
		"the name of an attribute":   {256, func(i *identity, text string) { i.Attributes[0].Name = text }},
	} {
		set := func(text string) proto.Message { return completed(func(i *identity) { c.set(i, text) }) }
		lies[what+", as long as it may be"] = lie{set(strings.Repeat("é", c.most/2)), ""}
		lies[what+", longer"] = lie{set(strings.Repeat("x", c.most+1)), fmt.Sprintf("%s is %d bytes long, %d are allowed", what, c.most+1, c.most)}
		lies[what+", a terminal's"] = lie{set("lovelace\x1b[2J"), what + " has control characters"}
		lies[what+", of C1"] = lie{set("lovelace\u0085"), what + " has control characters"}
		lies[what+", two lines"] = lie{set("lovelace\nlovelace"), what + " has control characters"}
		lies[what+", a tab"] = lie{set("lovelace\tlovelace"), what + " has control characters"}
		empty := ""
		if what == "the issuer" || what == "the subject" || what == "the name of an attribute" {
			empty = what + " is missing"
		}
		lies[what+", empty"] = lie{set(""), empty}
	}
	refused(t, lies)
}

func TestListsOfAPersonThatAreRefused(t *testing.T) {
	t.Parallel()
	lies := map[string]lie{}
	for what, c := range map[string]struct {
		most, each int
		set        func(i *identity, list []string)
	}{
		"groups":     {50_000, 1 << 10, func(i *identity, list []string) { i.Groups = list }},
		"methods":    {32, 256, func(i *identity, list []string) { i.Authentication.Methods = list }},
		"weaknesses": {16, 64, func(i *identity, list []string) { i.Weaknesses = list }},
	} {
		set := func(list ...string) proto.Message { return completed(func(i *identity) { c.set(i, list) }) }
		many := func(n int) proto.Message { return set(strings.Split(strings.Repeat("x", n), "")...) }
		lies[what] = lie{many(c.most), ""}
		lies[what+", one more"] = lie{many(c.most + 1), fmt.Sprintf("%d entries of a list, %d are allowed", c.most+1, c.most)}
		lies[what+", a long one"] = lie{set("a", strings.Repeat("x", c.each+1)), fmt.Sprintf("an entry of a list is %d bytes long, %d are allowed", c.each+1, c.each)}
		lies[what+", one that is none"] = lie{set("lovelace", ""), "an entry of a list is missing"}
		lies[what+", one of lines"] = lie{set("lovelace\n"), "an entry of a list has control characters"}
	}
	attributes := func(n, values int, value string) proto.Message {
		return completed(func(i *identity) {
			i.Attributes = nil
			for range n {
				a := &authnv1.Attribute{Name: "lovelace"}
				for range values {
					a.Values = append(a.Values, value)
				}
				i.Attributes = append(i.Attributes, a)
			}
		})
	}
	lies["attributes"] = lie{attributes(512, 1, "x\n\ty"), ""}
	lies["attributes, one more"] = lie{attributes(513, 0, ""), "513 attributes, 512 are allowed"}
	lies["values"] = lie{attributes(500, 100, ""), ""}
	lies["values, more"] = lie{attributes(1, 50_001, "x"), "50001 values of attributes, 50000 are allowed"}
	lies["values, more of many"] = lie{attributes(501, 100, "x"), "50100 values of attributes, 50000 are allowed"}
	lies["a value"] = lie{attributes(1, 1, strings.Repeat("x", 16<<10)), ""}
	lies["a value, longer"] = lie{attributes(1, 1, strings.Repeat("x", 16<<10+1)), "an attribute is 16385 bytes long, 16384 are allowed"}
	lies["a value that rings"] = lie{attributes(1, 2, "lovelace\a"), "an attribute has control characters"}
	refused(t, lies)
}

func TestWhatAPersonIsSaidToBeThatIsRefused(t *testing.T) {
	t.Parallel()
	const unknown = "it does not say what its list of groups means"
	const factors = "it says of the factors what this host does not know"
	groups := func(state authnv1.GroupsState, groups ...string) proto.Message {
		return completed(func(i *identity) { i.GroupsState, i.Groups = state, groups })
	}
	factor := func(m authnv1.MultiFactor) proto.Message {
		return completed(func(i *identity) { i.Authentication.MultiFactor = m })
	}
	lies := map[string]lie{
		"nobody":                    {&authnv1.CompleteResponse{Result: &authnv1.CompleteResponse_Identity{Identity: &identity{}}}, "the issuer is missing\nthe subject is missing"},
		"no authentication":         {completed(func(i *identity) { i.Authentication = nil }), ""},
		"groups without a state":    {groups(0, "lovelace"), unknown},
		"no groups without a state": {groups(0), unknown},
		"a state of a later host":   {groups(5), unknown},
		"a state below all":         {groups(-1), unknown},
		"groups that are absent":    {groups(authnv1.GroupsState_GROUPS_STATE_ABSENT, "lovelace"), "it says that there is no list of groups, and has one"},
		"absent":                    {groups(authnv1.GroupsState_GROUPS_STATE_ABSENT), ""},
		"present and empty":         {groups(authnv1.GroupsState_GROUPS_STATE_PRESENT), ""},
		"overflow":                  {groups(authnv1.GroupsState_GROUPS_STATE_OVERFLOW, "lovelace"), ""},
		"perhaps cut":               {groups(authnv1.GroupsState_GROUPS_STATE_PERHAPS_CUT, "lovelace"), ""},
		"factors of a later host":   {factor(3), factors},
		"factors below all":         {factor(-1), factors},
		"keep":                      {completed(func(i *identity) { i.Keep, i.Refreshable = make([]byte, 16<<10), true }), ""},
		"keep, more":                {completed(func(i *identity) { i.Keep = make([]byte, 16<<10+1) }), "16385 bytes to keep, 16384 are allowed"},
		"refreshable with nothing":  {completed(func(i *identity) { i.Refreshable = true }), "it can be refreshed, and keeps nothing for it"},
	}
	const first, last = 946684800, 253370764800 // 2000 and 9999
	for _, c := range []struct {
		at int64
		ok bool
	}{{0, true}, {first, true}, {last, true}, {first - 1, false}, {last + 1, false}, {1, false}, {-1, false}, {math.MinInt64, false}, {math.MaxInt64, false}} {
		for what, set := range map[string]func(i *identity){
			"the time of the sign-on": func(i *identity) { i.Authentication.TimeUnix = c.at },
			"the end of the session":  func(i *identity) { i.SessionEndsUnix = c.at },
		} {
			want := what + " is not meant in earnest"
			if c.ok {
				want = ""
			}
			lies[fmt.Sprint(what, " at ", c.at)] = lie{completed(set), want}
		}
	}
	refused(t, lies)
}

// An assertion with 20,000 groups, named as a directory names them, is an honest
// one, and arrives whole.
func TestTwentyThousandGroups(t *testing.T) {
	t.Parallel()
	_, p := liar(t)
	answer := completed(func(i *identity) {
		i.Groups = nil
		for n := range 20_000 {
			i.Groups = append(i.Groups, fmt.Sprintf("CN=Group %d,OU=Departments and Projects,OU=Groups,OU=Europe,OU=Everybody Who Works,DC=corp,DC=acme,DC=example", n))
		}
	})
	bytes, err := proto.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Complete(t.Context(), authn.CompleteRequest{Incoming: authn.Incoming{Body: bytes}})
	if err != nil || len(got.Groups) != 20_000 || !strings.HasPrefix(got.Groups[19_999], "CN=Group 19999,") {
		t.Errorf("%d groups arrived, %v", len(got.Groups), err)
	}
	// Twice as much is more than a message may have.
	_, err = p.Complete(t.Context(), authn.CompleteRequest{Incoming: authn.Incoming{RawQuery: "twice", Body: bytes}})
	if want := "unavailable: plugin \"signon-liar\" failed: ResourceExhausted: grpc: received message larger than max ("; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// A text that is not UTF-8 fails the call, and is not shown.
func TestAPersonWhoIsNotUTF8(t *testing.T) {
	t.Parallel()
	h, p := liar(t)
	for name, set := range map[string]func(i *identity){
		"the subject":  func(i *identity) { i.Subject = "lovelace\u00ff" },
		"a group":      func(i *identity) { i.Groups = []string{"lovelace\u00ff"} },
		"an attribute": func(i *identity) { i.Attributes[0].Values = []string{"lovelace\u00ff"} },
	} {
		bytes, err := proto.Marshal(completed(set))
		if err != nil {
			t.Fatal(err)
		}
		body := []byte(strings.ReplaceAll(string(bytes), "\u00ff", "\xc3\x28")) // as long, and no character
		_, err = p.Complete(t.Context(), authn.CompleteRequest{Incoming: authn.Incoming{Body: body}})
		if !problem.Is(err, problem.Unavailable) || !strings.Contains(fmt.Sprint(errors.Unwrap(err)), "invalid UTF-8") {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(fmt.Sprint(err)+h.log.String(), "lovelace") {
			t.Errorf("%s is shown: %v", name, err)
		}
	}
}
