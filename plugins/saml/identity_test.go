package saml_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

func TestWhatAnAssertionSays(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(nil))
	ends := time.Now().Add(8 * time.Hour).Truncate(time.Second)
	got := r.signsOn("it", func(m *samltest.Message) {
		m.SessionEnds, m.SessionIndex, m.Context = ends, "_s7", "https://refeds.org/profile/mfa"
		m.Attributes = append(m.Attributes, values("displayName", "Ada Lovelace"), values("lastName", "Lovelace"), values("costCentre", "7", "8"))
	})
	if got.Authentication.Time.IsZero() || !got.SessionEnds.Equal(ends) {
		t.Errorf("signed on at %s, until %s", got.Authentication.Time, got.SessionEnds)
	}
	got.Authentication.Time, got.SessionEnds, got.Keep = time.Time{}, time.Time{}, nil
	want := authn.Identity{
		Issuer: idpID, Subject: ada, Email: ada, UserName: ada, DisplayName: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", SessionIndex: "_s7",
		GroupsState: authn.GroupsPresent, Groups: []string{"Data", "Platform Admins"},
		Attributes: []authn.Attribute{
			{Name: "email", Values: []string{ada}}, {Name: "firstName", Values: []string{"Ada"}}, {Name: "displayName", Values: []string{"Ada Lovelace"}},
			{Name: "lastName", Values: []string{"Lovelace"}}, {Name: "costCentre", Values: []string{"7", "8"}},
		},
		Authentication: authn.Authentication{Context: "https://refeds.org/profile/mfa", MultiFactor: authn.MultiFactorYes},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it says\n%+v\nwant\n%+v", got, want)
	}
}

// By an address or a user name somebody may be found: of two nobody knows which is
// meant. A name is only shown.
func TestValuesThatAreNoGood(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(nil))
	for what, say := range map[string]samltest.Attribute{
		"two addresses": values("email", "a@example.com", "b@example.com"), "a long address": values("email", strings.Repeat("a", 400)),
		"a line break": values("email", "a@example.com\nb"), "two user names": values("uid", "a", "b"), "a long user name": values("uid", strings.Repeat("a", 300)),
	} {
		r.refuses(what, "attribute", attributes(say))
	}
	if got := r.signsOn("an address that stands twice", attributes(values("email", ada, ada))); got.Email != ada {
		t.Errorf("the address is %q", got.Email)
	}
	got := r.signsOn("names that are no good", attributes(values("displayName", "a\nb", strings.Repeat("é", 200)), values("firstName", "Ada", "Augusta"), values("lastName"),
		values("note", strings.Repeat("x", 20_000), "a\x7fb")))
	if got.DisplayName != strings.Repeat("é", 128) || got.GivenName != "Ada" || got.FamilyName != "" || len(got.Attributes) != 4 || len(got.Attributes[3].Values) != 1 {
		t.Errorf("%+v", got)
	}
}

// A list that is not there is not an empty one: only that one takes groups away.
func TestGroups(t *testing.T) {
	t.Parallel()
	many := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("g%d", i))
		}
		return list
	}
	const entra = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
	for name, c := range map[string]struct {
		provider string
		block    doc
		say      []samltest.Attribute
		state    authn.GroupsState
		groups   []string
	}{
		"absent":                 {"generic", nil, nil, authn.GroupsAbsent, nil},
		"empty":                  {"generic", nil, []samltest.Attribute{values("groups")}, authn.GroupsPresent, nil},
		"an empty value":         {"generic", nil, []samltest.Attribute{values("groups", "")}, authn.GroupsPresent, nil},
		"never split":            {"generic", nil, []samltest.Attribute{values("groups", "admins,users", "a;b", " admins", "cn=a,dc=b")}, authn.GroupsPresent, []string{"admins,users", "a;b", " admins", "cn=a,dc=b"}},
		"split where it is told": {"generic", doc{"groups_separator": ";"}, []samltest.Attribute{values("groups", "a;b;", "c")}, authn.GroupsPresent, []string{"a", "b", "c"}},
		"one attribute each":     {"generic", nil, []samltest.Attribute{values("groups", "a"), values("groups", "b")}, authn.GroupsPresent, []string{"a", "b"}},
		"another name":           {"generic", doc{"groups_attribute": "roles"}, []samltest.Attribute{values("groups", "a"), values("roles", "b")}, authn.GroupsPresent, []string{"b"}},
		"another name, absent":   {"generic", doc{"groups_attribute": "roles"}, []samltest.Attribute{values("groups", "a")}, authn.GroupsAbsent, nil},
		"Entra":                  {"entra", nil, []samltest.Attribute{values(entra, "7d2a")}, authn.GroupsPresent, []string{"7d2a"}},
		"Entra, too many":        {"entra", nil, []samltest.Attribute{values("http://schemas.microsoft.com/claims/groups.link", "https://graph.microsoft.com/")}, authn.GroupsOverflow, nil},
		"Google, 74":             {"google", nil, []samltest.Attribute{values("groups", many(74)...)}, authn.GroupsPresent, many(74)},
		"Google, 75":             {"google", nil, []samltest.Attribute{values("groups", many(75)...)}, authn.GroupsPerhapsCut, many(75)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, c.provider, config(c.block))
			got := r.signsOn(name, attributes(c.say...))
			if got.GroupsState != c.state || !reflect.DeepEqual(got.Groups, c.groups) {
				t.Errorf("%s: %q, want %s: %q", got.GroupsState, got.Groups, c.state, c.groups)
			}
		})
	}
	r := newRoom(t, "generic", config(nil))
	r.refuses("a group with a line break", "group", attributes(values("groups", "a\nb")))
	r.refuses("a long group", "group", attributes(values("groups", strings.Repeat("a", 2000))))
	r.refuses("a group that is no text", "group", func(m *samltest.Message) {
		m.Attributes = []samltest.Attribute{values("groups", "x")}
		m.EditAssertion = func(text string) string {
			return strings.Replace(text, ">x</saml:AttributeValue>", "><b>x</b></saml:AttributeValue>", 1)
		}
	})
}

// More than one factor is what an IdP says in a way that is known, and nothing else.
func TestFactors(t *testing.T) {
	t.Parallel()
	const methods = "http://schemas.microsoft.com/claims/authnmethodsreferences"
	for name, c := range map[string]struct {
		provider string
		block    doc
		change   func(m *samltest.Message)
		want     authn.MultiFactor
	}{
		"a password":            {"generic", nil, attributes(), authn.MultiFactorUnsaid},
		"REFEDS":                {"generic", nil, func(m *samltest.Message) { m.Context = "https://refeds.org/profile/mfa" }, authn.MultiFactorYes},
		"a class of the block":  {"generic", doc{"mfa_contexts": []string{"urn:x:mfa"}}, func(m *samltest.Message) { m.Context = "urn:x:mfa" }, authn.MultiFactorYes},
		"REFEDS instead":        {"generic", doc{"mfa_contexts": []string{"urn:x:mfa"}}, func(m *samltest.Message) { m.Context = "https://refeds.org/profile/mfa" }, authn.MultiFactorUnsaid},
		"Entra":                 {"entra", nil, attributes(values(methods, "http://schemas.microsoft.com/ws/2008/06/identity/claims/authenticationmethod/password", "http://schemas.microsoft.com/claims/multipleauthn")), authn.MultiFactorYes},
		"Entra, a password":     {"entra", nil, attributes(values(methods, "http://schemas.microsoft.com/ws/2008/06/identity/claims/authenticationmethod/password")), authn.MultiFactorNo},
		"Okta's class":          {"okta", nil, func(m *samltest.Message) { m.Context = "https://refeds.org/profile/mfa" }, authn.MultiFactorUnsaid},
		"Okta's attribute":      {"okta", nil, attributes(values("amr", "pwd", "mfa")), authn.MultiFactorYes},
		"an attribute of yours": {"generic", doc{"mfa_attribute": "how", "mfa_values": []string{"key"}}, attributes(values("how", "key")), authn.MultiFactorYes},
	} {
		r := newRoom(t, c.provider, config(c.block))
		if got := r.signsOn(name, c.change); got.Authentication.MultiFactor != c.want {
			t.Errorf("%s: %v, want %v", name, got.Authentication.MultiFactor, c.want)
		}
	}
}

// A name is who it is for one pair of IdP and service.
func TestSubjects(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(nil))
	entity := r.Endpoints(name).EntityID
	qualified := func(format, by, sp string) func(m *samltest.Message) {
		return func(m *samltest.Message) {
			m.NameID, m.Format, m.Attributes = "x7", format, nil
			m.EditAssertion = func(text string) string {
				return strings.Replace(text, "<saml:NameID ", fmt.Sprintf(`<saml:NameID NameQualifier="%s" SPNameQualifier="%s" `, by, sp), 1)
			}
		}
	}
	plain := r.signsOn("persistent", func(m *samltest.Message) { m.NameID, m.Format = "x7", samltest.Persistent })
	if plain.Subject != "x7" || plain.Transient || plain.UserName != "" {
		t.Errorf("persistent: %+v", plain)
	}
	if got := r.signsOn("qualified as it is anyway", qualified(samltest.Persistent, idpID, entity)); got.Subject != "x7" {
		t.Errorf("qualified as it is anyway: %q", got.Subject)
	}
	others := map[string]bool{"x7": true}
	for _, q := range [][2]string{{"https://other.example/", entity}, {idpID, "https://other.example/"}, {"a", "b"}, {"a,b", ""}} {
		got := r.signsOn("another", qualified(samltest.Persistent, q[0], q[1]))
		if others[got.Subject] {
			t.Errorf("%q qualifies another name, and it is %q again", q, got.Subject)
		}
		others[got.Subject] = true
	}
	if got := r.signsOn("transient", func(m *samltest.Message) { m.Format = samltest.Transient }); !got.Transient || got.UserName != "" {
		t.Errorf("transient: %+v", got)
	}
	r.set(config(doc{"name_id_format": "persistent"}))
	r.refuses("another format than was asked for", "name_id_format", nil)
	r.signsOn("that which was asked for", func(m *samltest.Message) { m.Format = samltest.Persistent })
}

func TestWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(doc{"authn_context": []string{"urn:a", "urn:b"}, "name_id_format": "email"}))
	_, begun := r.asks(nil)
	s := asked(t, begun)
	var classes []string
	for _, e := range s.Element.FindElements("./RequestedAuthnContext/AuthnContextClassRef") {
		classes = append(classes, e.Text())
	}
	if e := r.Endpoints(name); s.Value("AssertionConsumerServiceURL") != e.CompleteURL || s.Value("Destination") != sso || s.Text("./Issuer") != e.EntityID ||
		strings.Join(classes, " ") != "urn:a urn:b" || s.Value("ForceAuthn") != "" || !strings.Contains(string(s.XML), "emailAddress") {
		t.Errorf("it is asked by %s", s.XML)
	}
	if len(begun.State) > 1024 || strings.HasPrefix(s.Value("ID"), "0") || !strings.Contains(string(begun.State), s.Value("ID")) {
		t.Errorf("the state %q of the request %q", begun.State, s.Value("ID"))
	}
	for name, change := range map[string]func(b *authn.BeginRequest){
		"fresh": func(b *authn.BeginRequest) { b.Fresh = true }, "of an age": func(b *authn.BeginRequest) { b.MaxAge = time.Hour },
	} {
		if _, begun := r.asks(change); asked(t, begun).Value("ForceAuthn") != "true" {
			t.Errorf("%s: it is asked by %s", name, asked(t, begun).XML)
		}
	}
	if _, begun := r.asks(func(b *authn.BeginRequest) { b.MultiFactor = true }); asked(t, begun).Text(".//AuthnContextClassRef") != "https://refeds.org/profile/mfa" {
		t.Errorf("two factors: it is asked by %s", asked(t, begun).XML)
	}
	email := func(class string) func(m *samltest.Message) {
		return func(m *samltest.Message) {
			m.Context, m.Format = class, "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
		}
	}
	r.refuses("another way to sign on", "authn_context", email(samltest.Password))
	r.signsOn("the second way", email("urn:b"))
}

func TestUnsolicited(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(nil))
	e := r.Endpoints(name)
	bring := func(change func(m *samltest.Message)) (authn.Identity, error) {
		m := samltest.Message{Issuer: idpID, Recipient: e.CompleteURL, Audience: e.EntityID, NameID: ada, Key: keys()[0]}
		change(&m)
		text, err := m.XML()
		if err != nil {
			t.Fatal(err)
		}
		return r.Complete(t.Context(), name, authn.CompleteRequest{Endpoints: e, Unsolicited: true, Incoming: posted(text, "")})
	}
	if got, err := bring(func(*samltest.Message) {}); err != nil || got.Subject != ada {
		t.Errorf("%q, %v", got.Subject, err)
	}
	_, err := bring(func(m *samltest.Message) { m.InResponseTo = "_somebody-elses" })
	wantDenied(t, "an answer", "in_response_to", err)
}
