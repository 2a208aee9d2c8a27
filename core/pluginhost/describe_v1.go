//go:build unix

package pluginhost

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// The limits of a description.
const (
	kindLimit       = 16
	credentialLimit = 16
	schemaLimit     = 64 // attributes, and blocks, in one block
	schemaDepth     = 4
	serviceLimit    = 16
	docLimit        = 4 << 10
)

// Description is what a plugin says of itself, checked.
type Description struct {
	Name    string
	Version string
	Kinds   []Kind

	// HostServices are those that the plugin asks for; it gets those of them
	// that its Spec grants.
	HostServices []string
}

// Kind is one kind of block that a plugin can be configured by: an authenticator
// of programs or of people, or a provisioner.
type Kind struct {
	Name   string
	Doc    string
	Schema schema.Schema

	Provisioner *Provisioner // set: the kind is a provisioner
	Person      *Person      // set: it is an authenticator of people

	// An authenticator of programs has what follows.
	Records     authn.RecordsMode
	Credentials []authn.Credential
	Issues      bool // Programs.Issue makes new secrets
	Imports     bool // Programs.Import makes verifiers of another system's hashes
}

func (d Description) kind(name string) (Kind, bool) {
	for _, k := range d.Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// describedV1 checks a description and makes it ours.
func describedV1(r *basev1.DescribeResponse) (Description, error) {
	d := Description{Name: r.GetName(), Version: r.GetVersion(), HostServices: r.GetHostServices()}
	if !label.MatchString(d.Name) {
		return Description{}, errors.New("its name is not lower case letters, digits and dashes")
	}
	err := errors.Join(
		checkText("its version", d.Version, 1, 64),
		checkCount("kinds", len(r.GetKinds()), kindLimit),
		checkCount("host services", len(d.HostServices), serviceLimit))
	for _, s := range d.HostServices {
		if !label.MatchString(s) {
			err = errors.Join(err, errors.New("the name of a host service is not lower case letters, digits and dashes"))
		}
	}
	if len(r.GetKinds()) == 0 {
		err = errors.Join(err, errors.New("it serves no kind"))
	}
	if err != nil {
		return Description{}, err
	}
	for i, k := range r.GetKinds() {
		kind, err := kindV1(k)
		if err != nil {
			return Description{}, fmt.Errorf("kind %d: %w", i+1, err)
		}
		if _, twice := d.kind(kind.Name); twice {
			return Description{}, fmt.Errorf("kind %q is described twice", kind.Name)
		}
		d.Kinds = append(d.Kinds, kind)
	}
	return d, nil
}

var recordsModesV1 = map[basev1.RecordsMode]authn.RecordsMode{
	basev1.RecordsMode_RECORDS_MODE_HOST: authn.RecordsHost,
	basev1.RecordsMode_RECORDS_MODE_NONE: authn.RecordsNone,
}

func kindV1(k *basev1.Kind) (Kind, error) {
	kind := Kind{Name: k.GetName(), Doc: k.GetDoc()}
	if !label.MatchString(kind.Name) {
		return Kind{}, errors.New("its name is not lower case letters, digits and dashes")
	}
	err := checkText("its documentation", kind.Doc, 1, docLimit)
	if err == nil {
		switch role := k.GetRole().(type) {
		case *basev1.Kind_ProgramAuthenticator:
			err = kind.programV1(role.ProgramAuthenticator)
		case *basev1.Kind_Provisioner:
			kind.Provisioner, err = provisionerV1(role.Provisioner)
		case *basev1.Kind_PersonAuthenticator:
			kind.Person, err = personV1(role.PersonAuthenticator)
		default:
			err = errors.New("it has a role that this host does not know")
		}
	}
	if err == nil {
		kind.Schema, err = schemaV1(k.GetSchema(), schemaDepth)
	}
	if err == nil {
		err = kind.Schema.Check()
	}
	for _, a := range kind.Schema.Attributes {
		if a.Name == "isolation" && err == nil {
			err = errors.New(`attribute "isolation" is the host's own`)
		}
	}
	if err != nil {
		return Kind{}, fmt.Errorf("%q: %w", kind.Name, err)
	}
	return kind, nil
}

// programV1 reads what an authenticator of programs has.
func (k *Kind) programV1(program *basev1.ProgramAuthenticator) error {
	k.Issues, k.Imports, k.Records = program.GetIssues(), program.GetImports(), recordsModesV1[program.GetRecords()]
	switch {
	case k.Records == 0:
		return errors.New("it does not say who keeps its records in a way that this host knows")
	case k.Records == authn.RecordsNone && k.Imports:
		return errors.New("it imports hashes, and has no records")
	case k.Records == authn.RecordsNone && k.Issues:
		return errors.New("it issues secrets, and has no records")
	case len(program.GetCredentials()) == 0:
		return errors.New("it reads no credential")
	}
	var err error
	k.Credentials, err = credentialsV1(program.GetCredentials(), k.Records)
	return err
}

var locationsV1 = map[basev1.Location]authn.Location{
	basev1.Location_LOCATION_HEADER_PAIR: authn.HeaderPair,
	basev1.Location_LOCATION_HEADER:      authn.Header,
	basev1.Location_LOCATION_BASIC:       authn.Basic,
	basev1.Location_LOCATION_BEARER:      authn.Bearer,
}

func credentialsV1(cs []*basev1.Credential, mode authn.RecordsMode) ([]authn.Credential, error) {
	if err := checkCount("credentials", len(cs), credentialLimit); err != nil {
		return nil, err
	}
	var out []authn.Credential
	for i, c := range cs {
		credential := authn.Credential{
			Location: locationsV1[c.GetLocation()], IDHeader: c.GetIdHeader(), SecretHeader: c.GetSecretHeader(),
			Prefix: c.GetPrefix(), IDPattern: c.GetIdPattern(), Checksum: c.GetChecksum(), ByDigest: c.GetByDigest(),
		}
		if err := errors.Join(credential.Check(mode), checkText("its prefix", credential.Prefix, 0, 64)); err != nil {
			return nil, fmt.Errorf("credential %d: %w", i+1, err)
		}
		out = append(out, credential)
	}
	return out, nil
}

func schemaV1(s *basev1.Schema, depth int) (schema.Schema, error) {
	if depth == 0 {
		return schema.Schema{}, fmt.Errorf("its schema is nested more than %d blocks deep", schemaDepth)
	}
	if err := errors.Join(
		checkCount("attributes", len(s.GetAttributes()), schemaLimit),
		checkCount("blocks", len(s.GetBlocks()), schemaLimit)); err != nil {
		return schema.Schema{}, err
	}
	var out schema.Schema
	for i, a := range s.GetAttributes() {
		attribute, err := attributeV1(a)
		if err != nil {
			return schema.Schema{}, fmt.Errorf("attribute %d: %w", i+1, err)
		}
		out.Attributes = append(out.Attributes, attribute)
	}
	for i, b := range s.GetBlocks() {
		inner, err := schemaV1(b.GetSchema(), depth-1)
		if err == nil {
			err = checkText("its documentation", b.GetDoc(), 1, docLimit)
		}
		if err != nil {
			return schema.Schema{}, fmt.Errorf("block %d: %w", i+1, err)
		}
		out.Blocks = append(out.Blocks, schema.Block{Name: b.GetName(), Repeated: b.GetRepeated(), Doc: b.GetDoc(), Schema: inner})
	}
	return out, nil
}

func attributeV1(a *basev1.Attribute) (schema.Attribute, error) {
	attribute := schema.Attribute{
		Name: a.GetName(), Type: schema.Type(a.GetType()), Required: a.GetRequired(), Sensitive: a.GetSensitive(),
		Deprecated: a.GetDeprecated(), Doc: a.GetDoc(), Example: a.GetExample(),
	}
	err := errors.Join(
		checkText("its documentation", attribute.Doc, 1, docLimit),
		checkText("its deprecation", attribute.Deprecated, 0, docLimit),
		checkText("its example", attribute.Example, 0, docLimit),
		checkCount("bytes of a default", len(a.GetDefaultValue()), docLimit))
	if err != nil {
		return schema.Attribute{}, err
	}
	if len(a.GetDefaultValue()) > 0 {
		if attribute.Default, err = defaultV1(attribute.Type, a.GetDefaultValue()); err != nil {
			return schema.Attribute{}, fmt.Errorf("its default: %w", err)
		}
	}
	return attribute, nil
}

// defaultV1 reads a default into the Go type that schema.Attribute names.
func defaultV1(t schema.Type, text []byte) (any, error) {
	if err := t.Accepts(text); err != nil {
		return nil, err
	}
	switch t {
	case schema.Number:
		return decoded[float64](text)
	case schema.Bool:
		return decoded[bool](text)
	case schema.Strings:
		return decoded[[]string](text)
	case schema.Map:
		return decoded[map[string]string](text)
	case schema.String, schema.Duration, schema.Key:
		return decoded[string](text)
	}
	return nil, fmt.Errorf("%q is no type", string(t))
}

func decoded[T any](text []byte) (any, error) {
	var value *T
	if err := json.Unmarshal(text, &value); err != nil || value == nil {
		return nil, err // null is no default
	}
	return *value, nil
}
