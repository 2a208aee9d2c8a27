package plugin

import (
	"encoding/json"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

func kindToProto(k authn.ProgramKind) *basev1.Kind {
	mode := basev1.RecordsMode_RECORDS_MODE_HOST
	if k.Records == authn.RecordsNone {
		mode = basev1.RecordsMode_RECORDS_MODE_NONE
	}
	program := &basev1.ProgramAuthenticator{Records: mode, Issues: k.Records == authn.RecordsHost, Imports: k.Imports}
	for _, c := range k.Credentials {
		program.Credentials = append(program.Credentials, credentialToProto(c))
	}
	return &basev1.Kind{
		Name: k.Name, Doc: k.Doc, Schema: schemaToProto(k.Schema),
		Role: &basev1.Kind_ProgramAuthenticator{ProgramAuthenticator: program},
	}
}

func personKindToProto(k authn.PersonKind) *basev1.Kind {
	return &basev1.Kind{
		Name: k.Name, Doc: k.Doc, Schema: schemaToProto(k.Schema),
		Role: &basev1.Kind_PersonAuthenticator{PersonAuthenticator: &basev1.PersonAuthenticator{
			Unsolicited: k.Unsolicited, Refreshes: k.Refreshes, LogsOut: k.LogsOut, Receives: k.Receives, Callback: k.Callback,
		}},
	}
}

func provisionerToProto(k provision.Kind) *basev1.Kind {
	return &basev1.Kind{
		Name: k.Name, Doc: k.Doc, Schema: schemaToProto(k.Schema),
		Role: &basev1.Kind_Provisioner{Provisioner: &basev1.Provisioner{Mount: k.Mount, Errors: string(k.Errors), Pulls: k.Pulls}},
	}
}

var locations = map[authn.Location]basev1.Location{
	authn.HeaderPair: basev1.Location_LOCATION_HEADER_PAIR,
	authn.Header:     basev1.Location_LOCATION_HEADER,
	authn.Basic:      basev1.Location_LOCATION_BASIC,
	authn.Bearer:     basev1.Location_LOCATION_BEARER,
}

func credentialToProto(c authn.Credential) *basev1.Credential {
	return &basev1.Credential{
		Location: locations[c.Location], IdHeader: c.IDHeader, SecretHeader: c.SecretHeader,
		Prefix: c.Prefix, IdPattern: c.IDPattern, Checksum: c.Checksum, ByDigest: c.ByDigest,
	}
}

func schemaToProto(s schema.Schema) *basev1.Schema {
	out := &basev1.Schema{}
	for _, a := range s.Attributes {
		attribute := &basev1.Attribute{
			Name: a.Name, Type: string(a.Type), Required: a.Required, Sensitive: a.Sensitive,
			Deprecated: a.Deprecated, Doc: a.Doc, Example: a.Example,
		}
		if a.Default != nil {
			attribute.DefaultValue, _ = json.Marshal(a.Default) // Schema.Check has encoded it before
		}
		out.Attributes = append(out.Attributes, attribute)
	}
	for _, b := range s.Blocks {
		out.Blocks = append(out.Blocks, &basev1.Block{
			Name: b.Name, Repeated: b.Repeated, Doc: b.Doc, Schema: schemaToProto(b.Schema),
		})
	}
	return out
}

func diagnosticsToProto(ds diag.Diagnostics) []*basev1.Diagnostic {
	var out []*basev1.Diagnostic
	for _, d := range ds {
		severity := basev1.Severity_SEVERITY_ERROR
		if d.Severity == diag.Warning {
			severity = basev1.Severity_SEVERITY_WARNING
		}
		out = append(out, &basev1.Diagnostic{Severity: severity, Summary: d.Summary, Detail: d.Detail, Path: d.Path})
	}
	return out
}
