package pluginhost

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
)

func goodDescription() *basev1.DescribeResponse {
	return &basev1.DescribeResponse{
		Name: "good", Version: "1.0.0", HostServices: []string{"audit"},
		Kinds: []*basev1.Kind{{
			Name: "good", Doc: "What it is.",
			Schema: &basev1.Schema{
				Attributes: []*basev1.Attribute{
					{Name: "limit", Type: "number", DefaultValue: []byte("3"), Doc: "How much."},
					{Name: "names", Type: "list(string)", DefaultValue: []byte(`["a"]`), Doc: "Who."},
				},
				Blocks: []*basev1.Block{{Name: "inner", Doc: "More.", Schema: &basev1.Schema{}}},
			},
			Role: &basev1.Kind_ProgramAuthenticator{ProgramAuthenticator: &basev1.ProgramAuthenticator{
				Records: basev1.RecordsMode_RECORDS_MODE_HOST, Issues: true,
				Credentials: []*basev1.Credential{{Location: basev1.Location_LOCATION_BEARER, Prefix: "gh_", IdPattern: "^gh_([a-z]+)"}},
			}},
		}},
	}
}

func TestDescriptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	nested := &basev1.Schema{}
	for range 10 {
		nested = &basev1.Schema{Blocks: []*basev1.Block{{Name: "b", Doc: "Deeper.", Schema: nested}}}
	}
	kind := func(d *basev1.DescribeResponse) *basev1.Kind { return d.GetKinds()[0] }
	program := func(d *basev1.DescribeResponse) *basev1.ProgramAuthenticator {
		return kind(d).GetProgramAuthenticator()
	}
	for name, c := range map[string]struct {
		change func(*basev1.DescribeResponse)
		want   string
	}{
		"a name with a path":       {func(d *basev1.DescribeResponse) { d.Name = "../x" }, "name"},
		"no version":               {func(d *basev1.DescribeResponse) { d.Version = "" }, "version is missing"},
		"a version that draws":     {func(d *basev1.DescribeResponse) { d.Version = "\x1b[2J" }, "control characters"},
		"no kind":                  {func(d *basev1.DescribeResponse) { d.Kinds = nil }, "no kind"},
		"a thousand kinds":         {func(d *basev1.DescribeResponse) { d.Kinds = make([]*basev1.Kind, 1000) }, "1000 kinds"},
		"a kind that is nothing":   {func(d *basev1.DescribeResponse) { d.Kinds = []*basev1.Kind{nil} }, "kind 1"},
		"two of a kind":            {func(d *basev1.DescribeResponse) { d.Kinds = append(d.Kinds, d.GetKinds()[0]) }, "twice"},
		"an odd host service":      {func(d *basev1.DescribeResponse) { d.HostServices = []string{"A B"} }, "host service"},
		"a role of the future":     {func(d *basev1.DescribeResponse) { kind(d).Role = nil }, "role that this host does not know"},
		"no documentation":         {func(d *basev1.DescribeResponse) { kind(d).Doc = "" }, "documentation is missing"},
		"a book":                   {func(d *basev1.DescribeResponse) { kind(d).Doc = strings.Repeat("x", 1<<20) }, "are allowed"},
		"an unknown records mode":  {func(d *basev1.DescribeResponse) { program(d).Records = 9 }, "records"},
		"no records and issues":    {func(d *basev1.DescribeResponse) { program(d).Records = basev1.RecordsMode_RECORDS_MODE_NONE }, "issues secrets"},
		"no credential":            {func(d *basev1.DescribeResponse) { program(d).Credentials = nil }, "no credential"},
		"an unknown location":      {func(d *basev1.DescribeResponse) { program(d).Credentials[0].Location = 9 }, "no location"},
		"an id pattern that loops": {func(d *basev1.DescribeResponse) { program(d).Credentials[0].IdPattern = "(" }, "RE2"},
		"a bearer for everything":  {func(d *basev1.DescribeResponse) { program(d).Credentials[0].Prefix = "" }, "prefix"},
		"an unknown type":          {func(d *basev1.DescribeResponse) { kind(d).GetSchema().Attributes[0].Type = "any" }, "no type"},
		"a default of another type": {func(d *basev1.DescribeResponse) {
			kind(d).GetSchema().Attributes[0].DefaultValue = []byte(`"x"`)
		}, "no number"},
		"a default that is no JSON": {func(d *basev1.DescribeResponse) {
			kind(d).GetSchema().Attributes[0].DefaultValue = []byte("3 4")
		}, "no number"},
		"a sensitive default":    {func(d *basev1.DescribeResponse) { kind(d).GetSchema().Attributes[0].Sensitive = true }, "sensitive"},
		"the host's attribute":   {func(d *basev1.DescribeResponse) { kind(d).GetSchema().Attributes[0].Name = "isolation" }, "host's own"},
		"an attribute that is":   {func(d *basev1.DescribeResponse) { kind(d).GetSchema().Attributes[0] = nil }, "attribute 1"},
		"a schema without end":   {func(d *basev1.DescribeResponse) { kind(d).Schema = nested }, "deep"},
		"a thousand attributes":  {func(d *basev1.DescribeResponse) { kind(d).GetSchema().Attributes = make([]*basev1.Attribute, 1000) }, "1000 attributes"},
		"a block that says none": {func(d *basev1.DescribeResponse) { kind(d).GetSchema().Blocks[0].Doc = "" }, "documentation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := goodDescription()
			c.change(d)
			if got, err := describedV1(d); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want %q", got, err, c.want)
			}
		})
	}
	if _, err := describedV1(goodDescription()); err != nil {
		t.Errorf("the one that they are made from: %v", err)
	}
}

func FuzzDescription(f *testing.F) {
	good, err := proto.Marshal(goodDescription())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := &basev1.DescribeResponse{}
		if proto.Unmarshal(wire, r) != nil {
			return
		}
		d, err := describedV1(r)
		if err != nil {
			return
		}
		if !label.MatchString(d.Name) || len(d.Kinds) == 0 || len(d.Kinds) > kindLimit {
			t.Fatalf("accepted: %+v", d)
		}
		for _, k := range d.Kinds {
			if err := k.Schema.Check(); err != nil {
				t.Fatalf("accepted: %v", err)
			}
			for _, c := range k.Credentials {
				if err := c.Check(k.Records); err != nil {
					t.Fatalf("accepted: %v", err)
				}
			}
		}
	})
}

func FuzzVerifyResponse(f *testing.F) {
	sent := []authn.Record{{ID: "r1"}, {ID: "r2"}}
	now := time.Unix(1_800_000_000, 0)
	for _, m := range []*authnv1.Match{
		{RecordId: "r1"}, {RecordId: "r3"}, {Subject: &authnv1.Subject{Id: "s", Organization: "o", RevocationId: "j", ExpiresUnix: now.Unix() + 1}},
	} {
		wire, err := proto.Marshal(&authnv1.VerifyResponse{Result: &authnv1.VerifyResponse_Match{Match: m}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := &authnv1.VerifyResponse{}
		if proto.Unmarshal(wire, r) != nil {
			return
		}
		for _, mode := range []authn.RecordsMode{authn.RecordsHost, authn.RecordsNone} {
			got, err := verifiedV1(r, mode, sent, now)
			if err != nil || got.Reason != 0 {
				continue
			}
			isRecord := got.RecordID == "r1" || got.RecordID == "r2"
			isSubject := got.Subject != nil && got.Subject.ID != "" && got.Subject.RevocationID != "" &&
				(got.Subject.Expires.IsZero() || got.Subject.Expires.After(now))
			if (mode == authn.RecordsHost) != isRecord || (mode == authn.RecordsNone) != isSubject {
				t.Fatalf("accepted: %+v", got)
			}
		}
	})
}

func FuzzLogLine(f *testing.F) {
	f.Add([]byte(`{"@level":"info","@message":"x","n":1}`))
	f.Add([]byte(`{"@message":1}`))
	f.Add([]byte("panic: secret"))
	f.Fuzz(func(t *testing.T, line []byte) {
		level, msg, attrs, ok := parseEntry(line)
		if !ok && (msg != "" || len(attrs) > 0 || level != 0) {
			t.Fatalf("refused, and read: %v %q %v", level, msg, attrs)
		}
	})
}
