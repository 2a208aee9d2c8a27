package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

func (h *Harness) describe() (plugin.Plugin, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	resp, err := basev1.NewPluginServiceClient(h.now.conn).Describe(ctx,
		&basev1.DescribeRequest{HostVersion: "plugintest", BrokerId: h.now.brokerID})
	if err != nil {
		return plugin.Plugin{}, received(err)
	}
	p := plugin.Plugin{Name: resp.GetName(), Version: resp.GetVersion(), HostServices: resp.GetHostServices()}
	for _, k := range resp.GetKinds() {
		if err := addKind(&p, k); err != nil {
			return plugin.Plugin{}, fmt.Errorf("kind %q: %w", k.GetName(), err)
		}
	}
	return p, nil
}

func addKind(p *plugin.Plugin, k *basev1.Kind) error {
	if role := k.GetProvisioner(); role != nil {
		s, err := schemaFromProto(k.GetSchema())
		p.Provisioners = append(p.Provisioners, provision.Kind{
			Name: k.GetName(), Doc: k.GetDoc(), Schema: s, Mount: role.GetMount(), Errors: provision.ErrorForm(role.GetErrors()), Pulls: role.GetPulls(),
		})
		return err
	}
	if role := k.GetPersonAuthenticator(); role != nil {
		s, err := schemaFromProto(k.GetSchema())
		p.People = append(p.People, authn.PersonKind{
			Name: k.GetName(), Doc: k.GetDoc(), Schema: s,
			Unsolicited: role.GetUnsolicited(), Refreshes: role.GetRefreshes(), LogsOut: role.GetLogsOut(), Receives: role.GetReceives(),
		})
		return err
	}
	kind, err := kindFromProto(k)
	p.Programs = append(p.Programs, kind)
	return err
}

// schemaOf is the schema of a kind, whatever it is.
func (h *Harness) schemaOf(name string) (schema.Schema, bool) {
	if k, ok := h.kind(name); ok {
		return k.Schema, true
	}
	if k, ok := h.person(name); ok {
		return k.Schema, true
	}
	k, ok := h.provisioner(name)
	return k.Schema, ok
}

func (h *Harness) person(name string) (authn.PersonKind, bool) {
	for _, k := range h.description.People {
		if k.Name == name {
			return k, true
		}
	}
	return authn.PersonKind{}, false
}

func (h *Harness) provisioner(name string) (provision.Kind, bool) {
	for _, k := range h.description.Provisioners {
		if k.Name == name {
			return k, true
		}
	}
	return provision.Kind{}, false
}

func (h *Harness) kind(name string) (authn.ProgramKind, bool) {
	for _, k := range h.description.Programs {
		if k.Name == name {
			return k, true
		}
	}
	return authn.ProgramKind{}, false
}

var recordsModes = map[basev1.RecordsMode]authn.RecordsMode{
	basev1.RecordsMode_RECORDS_MODE_HOST: authn.RecordsHost,
	basev1.RecordsMode_RECORDS_MODE_NONE: authn.RecordsNone,
}

func kindFromProto(k *basev1.Kind) (authn.ProgramKind, error) {
	program := k.GetProgramAuthenticator()
	if program == nil {
		return authn.ProgramKind{}, errors.New("it is neither an authenticator nor a provisioner")
	}
	credentials, err := credentialsFromProto(program.GetCredentials())
	if err != nil {
		return authn.ProgramKind{}, err
	}
	s, err := schemaFromProto(k.GetSchema())
	if err != nil {
		return authn.ProgramKind{}, err
	}
	return authn.ProgramKind{
		Name: k.GetName(), Doc: k.GetDoc(), Schema: s, Credentials: credentials, Records: recordsModes[program.GetRecords()],
		Imports: program.GetImports(),
	}, nil
}

var locations = map[basev1.Location]authn.Location{
	basev1.Location_LOCATION_HEADER_PAIR: authn.HeaderPair,
	basev1.Location_LOCATION_HEADER:      authn.Header,
	basev1.Location_LOCATION_BASIC:       authn.Basic,
	basev1.Location_LOCATION_BEARER:      authn.Bearer,
}

func credentialsFromProto(in []*basev1.Credential) ([]authn.Credential, error) {
	var out []authn.Credential
	for _, c := range in {
		location, ok := locations[c.GetLocation()]
		if !ok {
			return nil, fmt.Errorf("a credential stands in the unknown location %v", c.GetLocation())
		}
		out = append(out, authn.Credential{
			Location: location, IDHeader: c.GetIdHeader(), SecretHeader: c.GetSecretHeader(),
			Prefix: c.GetPrefix(), IDPattern: c.GetIdPattern(), Checksum: c.GetChecksum(), ByDigest: c.GetByDigest(),
		})
	}
	return out, nil
}

func schemaFromProto(in *basev1.Schema) (schema.Schema, error) {
	var out schema.Schema
	for _, a := range in.GetAttributes() {
		attribute := schema.Attribute{
			Name: a.GetName(), Type: schema.Type(a.GetType()), Required: a.GetRequired(), Sensitive: a.GetSensitive(),
			Deprecated: a.GetDeprecated(), Doc: a.GetDoc(), Example: a.GetExample(),
		}
		if text := a.GetDefaultValue(); len(text) > 0 {
			if err := json.Unmarshal(text, &attribute.Default); err != nil {
				return out, fmt.Errorf("the default of %q: %w", a.GetName(), err)
			}
		}
		out.Attributes = append(out.Attributes, attribute)
	}
	for _, b := range in.GetBlocks() {
		inner, err := schemaFromProto(b.GetSchema())
		if err != nil {
			return out, fmt.Errorf("block %q: %w", b.GetName(), err)
		}
		out.Blocks = append(out.Blocks, schema.Block{Name: b.GetName(), Repeated: b.GetRepeated(), Doc: b.GetDoc(), Schema: inner})
	}
	return out, nil
}

func diagnosticsFromProto(in []*basev1.Diagnostic) diag.Diagnostics {
	var out diag.Diagnostics
	for _, d := range in {
		severity := diag.Error // an unknown severity stops the configuration too
		if d.GetSeverity() == basev1.Severity_SEVERITY_WARNING {
			severity = diag.Warning
		}
		out = append(out, diag.Diagnostic{Severity: severity, Summary: d.GetSummary(), Detail: d.GetDetail(), Path: d.GetPath()})
	}
	return out
}
