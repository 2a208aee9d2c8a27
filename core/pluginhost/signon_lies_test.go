package pluginhost_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

// lie is an answer of a plugin's that the host must not take, and why not.
type lie struct {
	answer proto.Message
	want   string // "" is taken: it is no lie
}

// person is ada, whose data must be in no error and no log, changed.
func person(change func(*authnv1.Identity)) *authnv1.Identity {
	i := &authnv1.Identity{
		Issuer: "https://idp.example", Subject: "lovelace-1", Email: "lovelace@acme.example", DisplayName: "Ada Lovelace",
		GroupsState: authnv1.GroupsState_GROUPS_STATE_PRESENT, Groups: []string{"lovelaces"},
		Attributes: []*authnv1.Attribute{{Name: "lovelace", Values: []string{"lovelace"}}}, Authentication: &authnv1.Authentication{},
	}
	change(i)
	return i
}

func completed(change func(*authnv1.Identity)) *authnv1.CompleteResponse {
	return &authnv1.CompleteResponse{Result: &authnv1.CompleteResponse_Identity{Identity: person(change)}}
}

// liar starts the plugin that answers with what it is given.
func liar(t testing.TB) (*hostUnderTest, *pluginhost.People) {
	t.Helper()
	h := newHost(t)
	h.start(t, h.bundled("signon-liar"))
	return h, h.signOn(t, "signon-liar", "signon", "acme-okta/signon", false)
}

// told has the plugin answer with a message, by the method that it is of.
func told(ctx context.Context, p *pluginhost.People, answer proto.Message) (method string, err error) {
	bytes, err := proto.Marshal(answer)
	if err != nil {
		return "", err
	}
	session := authn.Session{Issuer: "https://idp.example", Subject: "lovelace-1", Keep: bytes}
	switch answer.(type) {
	case *authnv1.BeginResponse:
		_, err = p.Begin(ctx, authn.BeginRequest{LoginHint: base64.StdEncoding.EncodeToString(bytes)})
		return "Begin", err
	case *authnv1.CompleteResponse:
		_, err = p.Complete(ctx, authn.CompleteRequest{Incoming: authn.Incoming{Body: bytes}})
		return "Complete", err
	case *authnv1.RefreshResponse:
		_, err = p.Refresh(ctx, authn.Endpoints{}, session)
		return "Refresh", err
	case *authnv1.LogoutResponse:
		_, err = p.Logout(ctx, authn.Endpoints{}, "r", session)
		return "Logout", err
	case *authnv1.MetadataResponse:
		_, err = p.Metadata(ctx, authn.Endpoints{EntityID: base64.StdEncoding.EncodeToString(bytes)})
		return "Metadata", err
	case *authnv1.ReceiveResponse:
		_, err = p.Receive(ctx, authn.ReceiveRequest{Incoming: authn.Incoming{Body: bytes}, Browser: true})
		return "Receive", err
	}
	return "", fmt.Errorf("%T is no answer", answer)
}

// refused holds each lie against what the host says of it.
func refused(t *testing.T, lies map[string]lie) {
	t.Helper()
	h, p := liar(t)
	for name, l := range lies {
		method, err := told(t.Context(), p, l.answer)
		if l.want == "" {
			if err != nil {
				t.Errorf("%s: %v, want none", name, err)
			}
			continue
		}
		want := fmt.Sprintf(`internal: plugin "signon-liar" answered %s in a way that cannot be used: %s`, method, l.want)
		if err == nil || err.Error() != want || !problem.Is(err, problem.Internal) {
			t.Errorf("%s: %v, want\n%s", name, err, want)
		}
	}
	if _, err := told(t.Context(), p, completed(func(*authnv1.Identity) {})); err != nil {
		t.Errorf("the truth after the lies: %v", err)
	}
	if strings.Contains(strings.ToLower(h.log.String()), "lovelace") {
		t.Error("the log has what a plugin said about a person")
	}
	if s := h.status(t, "signon-liar"); s.Restarts != 0 {
		t.Errorf("it was restarted %d times", s.Restarts)
	}
}

// Where a browser is sent is an address of the web, and nothing else.
func TestForwardsThatAreRefused(t *testing.T) {
	t.Parallel()
	const nowhere = "where it sends the browser is no absolute address of the web"
	lies := map[string]lie{
		"nothing":   {&authnv1.BeginResponse{State: []byte("x")}, "it sends the browser nowhere"},
		"no logout": {&authnv1.LogoutResponse{State: []byte("x")}, ""},
	}
	forward := func(name string, f *authnv1.Forward, state int, want string) {
		lies["Begin, "+name] = lie{&authnv1.BeginResponse{Forward: f, State: make([]byte, state)}, want}
		lies["Logout, "+name] = lie{&authnv1.LogoutResponse{Forward: f, State: make([]byte, state)}, want}
		if state == 0 {
			lies["Receive, "+name] = lie{&authnv1.ReceiveResponse{Forward: f, Status: 204}, want}
		}
	}
	for name, c := range map[string]struct{ url, want string }{
		"https":                   {"https://idp.example/sso?x=%2b", ""},
		"http":                    {"http://idp.example", ""},
		"upper case":              {"HTTPS://IDP.example/", ""},
		"as long as it may be":    {"https://idp.example/" + strings.Repeat("x", 64<<10-20), ""},
		"empty":                   {"", "where it sends the browser is missing"},
		"a script":                {"javascript:alert(1)", nowhere},
		"a script after slashes":  {"javascript://idp.example/%0aalert(1)", nowhere},
		"data":                    {"data:text/html,<script>", nowhere},
		"a file":                  {"file:///etc/passwd", nowhere},
		"a path":                  {"/login", nowhere},
		"without a scheme":        {"//evil.example/", nowhere},
		"opaque":                  {"https:idp.example", nowhere},
		"no host":                 {"https:///sso", nowhere},
		"a port without a host":   {"https://:443/sso", nowhere},
		"a host with a quote":     {`https://idp.example"/`, nowhere},
		"a host with a directive": {"https://idp.example;script-src/", nowhere},
		"a host with a wildcard":  {"https://*.example/", nowhere},
		"a host of other letters": {"https://ïdp.example/", nowhere},
		"an escaped host":         {"https://idp%2eexample/", nowhere},
		"a zone":                  {"https://[fe80::1%25eth0]/", nowhere},
		"a port":                  {"https://idp.example:8443/sso", ""},
		"an address":              {"http://[::1]:8080/", ""},
		"a user":                  {"https://idp.example@evil.example/", nowhere},
		"a user with a password":  {"https://a:b@idp.example/", nowhere},
		"a fragment":              {"https://idp.example/#x", nowhere},
		"a backslash":             {`https://evil.example\@idp.example/`, nowhere},
		"an escape that is none":  {"https://idp.example/%zz", nowhere},
		"a space before it":       {" https://idp.example/", nowhere},
		"a line break":            {"https://idp.example/\r\nSet-Cookie: a=b", "where it sends the browser has control characters"},
		"a control character":     {"https://idp.example/\x00", "where it sends the browser has control characters"},
		"longer than it may be":   {"https://idp.example/" + strings.Repeat("x", 64<<10-19), "where it sends the browser is 65537 bytes long, 65536 are allowed"},
	} {
		forward(name, &authnv1.Forward{Url: c.url}, 0, c.want)
	}
	fields := func(n int, name, value string) *authnv1.Forward {
		f := &authnv1.Forward{Url: "https://idp.example/"}
		for range n {
			f.Fields = append(f.Fields, &authnv1.Field{Name: name, Value: value})
		}
		return f
	}
	half := strings.Repeat("x", 32<<10)
	forward("as many fields as it may have", fields(32, "a", "b\n"), 0, "")
	forward("as much in fields as it may have", fields(2, "a", half), 0, "")
	forward("more fields", fields(33, "a", "b"), 0, "33 fields, 32 are allowed")
	forward("more in fields", fields(3, "a", half), 0, "98304 bytes of fields, 65536 are allowed")
	forward("more in a field", fields(1, "a", half+half+"x"), 0, "a field is 65537 bytes long, 65536 are allowed")
	forward("a field without a name", fields(1, "", "b"), 0, "the name of a field is missing")
	forward("a field with a long name", fields(1, strings.Repeat("x", 129), "b"), 0, "the name of a field is 129 bytes long, 128 are allowed")
	forward("a field with a name of lines", fields(1, "a\nb", "b"), 0, "the name of a field has control characters")
	forward("a field with control characters", fields(1, "a", "\x1b"), 0, "a field has control characters")
	forward("as much state as it may have", fields(1, "a", "b"), 1536, "")
	forward("more state", fields(1, "a", "b"), 1537, "1537 bytes of state, 1536 are allowed")
	refused(t, lies)
}

func TestMetadataThatIsRefused(t *testing.T) {
	t.Parallel()
	metadata := func(kind string, size, values int, value string) *authnv1.MetadataResponse {
		m := &authnv1.MetadataResponse{ContentType: kind, Document: make([]byte, size)}
		for range values {
			m.Values = append(m.Values, &authnv1.Field{Name: "ACS URL", Value: value})
		}
		return m
	}
	const other = "its document is not SAML metadata or JSON"
	refused(t, map[string]lie{
		"SAML":                  {metadata("application/samlmetadata+xml", 256<<10, 0, ""), ""},
		"JSON":                  {metadata("application/json", 1, 32, "x"), ""},
		"nothing":               {metadata("", 0, 0, ""), ""},
		"too large":             {metadata("application/json", 256<<10+1, 0, ""), "262145 bytes of a document, 262144 are allowed"},
		"a page":                {metadata("text/html", 1, 0, ""), other},
		"XML":                   {metadata("text/xml", 1, 0, ""), other},
		"a type with more":      {metadata("application/json; charset=utf-7", 1, 0, ""), other},
		"a document of no type": {metadata("", 1, 0, ""), other},
		"a type of no document": {metadata("application/json", 0, 0, ""), other},
		"many values":           {metadata("", 0, 33, ""), "33 fields, 32 are allowed"},
		"a value that rings":    {metadata("", 0, 1, "\a"), "a field has control characters"},
	})
}

func TestPushesThatAreRefused(t *testing.T) {
	t.Parallel()
	ended := func(n int, change func(*authnv1.Ended)) *authnv1.ReceiveResponse {
		r := &authnv1.ReceiveResponse{Status: 200}
		for range n {
			e := &authnv1.Ended{Issuer: "https://idp.example", Subject: "lovelace-1"}
			change(e)
			r.Ended = append(r.Ended, e)
		}
		return r
	}
	denied := func(change func(*authnv1.ReceiveResponse)) *authnv1.ReceiveResponse {
		r := &authnv1.ReceiveResponse{Denial: &authnv1.Denial{Reason: "signature", Detail: "lovelace"}, Status: 400}
		change(r)
		return r
	}
	const both = "it denies a message, and does something for it all the same"
	const nobody = "it ends sessions of nobody in particular"
	lies := map[string]lie{
		"as many as it may":     {ended(64, func(e *authnv1.Ended) { e.SessionIndexes = strings.Split(strings.Repeat("s", 64), "") }), ""},
		"by address":            {ended(1, func(e *authnv1.Ended) { e.Issuer, e.Subject, e.Email = "", "", "lovelace@acme.example" }), ""},
		"too many":              {ended(65, func(*authnv1.Ended) {}), "65 sessions named, 64 are allowed"},
		"nobody":                {ended(1, func(e *authnv1.Ended) { e.Issuer, e.Subject = "", "" }), nobody},
		"everybody of an IdP":   {ended(1, func(e *authnv1.Ended) { e.Subject = "" }), nobody},
		"everybody's keys":      {ended(1, func(e *authnv1.Ended) { e.Subject, e.Keys = "", true }), nobody},
		"many indexes":          {ended(1, func(e *authnv1.Ended) { e.SessionIndexes = make([]string, 65) }), "65 entries of a list, 64 are allowed"},
		"an index that is none": {ended(1, func(e *authnv1.Ended) { e.SessionIndexes = []string{""} }), "an entry of a list is missing"},
		"a long index":          {ended(1, func(e *authnv1.Ended) { e.SessionIndexes = []string{strings.Repeat("x", 1025)} }), "an entry of a list is 1025 bytes long, 1024 are allowed"},
		"an issuer of lines":    {ended(1, func(e *authnv1.Ended) { e.Issuer = "lovelace\n" }), "the issuer has control characters"},
		"a long issuer":         {ended(1, func(e *authnv1.Ended) { e.Issuer = strings.Repeat("x", 1025) }), "the issuer is 1025 bytes long, 1024 are allowed"},
		"a subject that rings":  {ended(1, func(e *authnv1.Ended) { e.Subject = "lovelace\a" }), "the subject has control characters"},
		"a long subject":        {ended(1, func(e *authnv1.Ended) { e.Subject = strings.Repeat("x", 1025) }), "the subject is 1025 bytes long, 1024 are allowed"},
		"a long address":        {ended(1, func(e *authnv1.Ended) { e.Email = strings.Repeat("x", 321) }), "the e-mail address is 321 bytes long, 320 are allowed"},
		"denied, and ends":      {denied(func(r *authnv1.ReceiveResponse) { r.Ended = []*authnv1.Ended{{Subject: "lovelace"}} }), both},
		"denied, and confirms":  {denied(func(r *authnv1.ReceiveResponse) { r.Confirmed = true }), both},
		"denied, and sends on":  {denied(func(r *authnv1.ReceiveResponse) { r.Forward = &authnv1.Forward{Url: "https://idp.example"} }), both},
		"denied for no reason":  {denied(func(r *authnv1.ReceiveResponse) { r.Denial.Reason = "" }), "the reason of its denial is not lower case letters, digits and underscores"},
	}
	for _, status := range []uint32{0, 199, 201, 302, 400, 500, 1 << 31} {
		lies[fmt.Sprint("status ", status)] = lie{&authnv1.ReceiveResponse{Status: status}, fmt.Sprint("its status is ", status)}
	}
	refused(t, lies)

	_, p := liar(t)
	bytes, err := proto.Marshal(&authnv1.ReceiveResponse{Status: 200, Forward: &authnv1.Forward{Url: "https://idp.example/"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Receive(t.Context(), authn.ReceiveRequest{Incoming: authn.Incoming{Body: bytes}})
	if want := `internal: plugin "signon-liar" answered Receive in a way that cannot be used: it sends a server somewhere`; err == nil || err.Error() != want {
		t.Errorf("a server that is sent on: %v", err)
	}
}

func TestDenialsThatAreRefused(t *testing.T) {
	t.Parallel()
	const form = "the reason of its denial is not lower case letters, digits and underscores"
	lies := map[string]lie{
		"no result":            {&authnv1.CompleteResponse{}, "it carries no result"},
		"no result, refreshed": {&authnv1.RefreshResponse{}, "it carries no result"},
		"another issuer":       {refreshed(func(i *authnv1.Identity) { i.Issuer = "https://lovelace.example" }), "it refreshes another person than the session is of"},
		"another person":       {refreshed(func(i *authnv1.Identity) { i.Subject = "lovelace-2" }), "it refreshes another person than the session is of"},
		"a person who is none": {refreshed(func(i *authnv1.Identity) { i.Subject = "" }), "the subject is missing"},
		"the person":           {refreshed(func(*authnv1.Identity) {}), ""},
	}
	for name, c := range map[string]struct{ reason, detail, want string }{
		"no reason":           {"", "", form},
		"upper case":          {"Audience", "", form},
		"a digit first":       {"1st", "", form},
		"words":               {"not for us", "", form},
		"a line":              {"audience\n", "", form},
		"a long reason":       {strings.Repeat("x", 65), "", form},
		"a long detail":       {"audience", strings.Repeat("x", 1025), "the detail of its denial is 1025 bytes long, 1024 are allowed"},
		"a detail that rings": {"audience", "lovelace\a", "the detail of its denial has control characters"},
	} {
		d := &authnv1.Denial{Reason: c.reason, Detail: c.detail}
		lies[name] = lie{&authnv1.CompleteResponse{Result: &authnv1.CompleteResponse_Denial{Denial: d}}, c.want}
		lies[name+", refreshed"] = lie{&authnv1.RefreshResponse{Result: &authnv1.RefreshResponse_Over{Over: d}}, c.want}
	}
	refused(t, lies)
}

func refreshed(change func(*authnv1.Identity)) *authnv1.RefreshResponse {
	return &authnv1.RefreshResponse{Result: &authnv1.RefreshResponse_Identity{Identity: person(change)}}
}
