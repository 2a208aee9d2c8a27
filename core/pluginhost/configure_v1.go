//go:build unix

package pluginhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
)

// The limits of a configuration and of what a plugin says about one.
const (
	valuesLimit     = 1 << 20
	diagnosticLimit = 100
	pathLimit       = 16
	keyLimit        = 64
	keySize         = 32
)

// Configure is the configuration of one instance.
type Configure struct {
	Plugin   string // the ID of its Spec
	Kind     string
	Instance string // "kind", or "connection/kind"; with a second label "kind.label"

	// Values are the block's by the kind's schema, as a JSON object.
	Values json.RawMessage

	// Unknown are dotted paths of attributes whose values a validation does not
	// know.
	Unknown []string

	// Provider is the product of the IdP that the block's connection leads to, such
	// as "okta"; "" outside of a connection.
	Provider string

	// Keys are the instance's own, of 32 bytes, the newest first; none with
	// ValidateOnly.
	Keys []instance.Key

	// ValidateOnly checks the configuration and changes nothing.
	ValidateOnly bool

	// Dedicated gives the instance a process of its own.
	Dedicated bool
}

// Configured is a plugin's answer to a configuration.
type Configured struct {
	// Credentials are those that the instance reads; empty are those of the
	// kind.
	Credentials []authn.Credential

	// Diagnostics are the plugin's complaints. With an error among them the
	// instance is as it was.
	Diagnostics diag.Diagnostics
}

func (c Configure) check() error {
	switch {
	case len(c.Values) > valuesLimit:
		return fmt.Errorf("its values are %d bytes, %d are allowed", len(c.Values), valuesLimit)
	case c.Provider != "" && !label.MatchString(c.Provider):
		return errors.New("its provider is not lower case letters, digits and dashes")
	case c.ValidateOnly && len(c.Keys) > 0:
		return errors.New("a validation gets no keys")
	case len(c.Keys) > keyLimit:
		return fmt.Errorf("it has %d keys, %d are allowed", len(c.Keys), keyLimit)
	}
	for _, k := range c.Keys {
		if k.ID == "" || len(k.Key) != keySize {
			return fmt.Errorf("key %q is not of %d bytes", k.ID, keySize)
		}
	}
	return nil
}

func (p *process) configure(ctx context.Context, c Configure) (Configured, error) {
	kind, ok := p.description.kind(c.Kind)
	if !ok {
		return Configured{}, fmt.Errorf("plugin %q has no kind %q", p.plugin, c.Kind)
	}
	call, end, err := p.call(ctx, c.Instance, "")
	if err != nil {
		return Configured{}, err
	}
	defer end()
	request := &basev1.ConfigureRequest{
		Call: call, Kind: c.Kind, Config: c.Values, Unknown: c.Unknown, ValidateOnly: c.ValidateOnly, Provider: c.Provider,
	}
	for _, k := range c.Keys {
		request.Keys = append(request.Keys, &basev1.InstanceKey{Id: k.ID, Key: k.Key})
	}
	r, err := basev1.NewPluginServiceClient(p.conn).Configure(ctx, request)
	secrets := sensitive(c.Values, kind.Schema)
	if err != nil {
		return Configured{}, withoutSecrets(p.failure(ctx, err), secrets...)
	}
	out, err := configuredV1(r, kind)
	if err != nil {
		return Configured{}, p.lied("Configure", err)
	}
	redact(out.Diagnostics, secrets)
	return out, nil
}

func (p *process) remove(ctx context.Context, name string) error {
	call, end, err := p.call(ctx, name, "")
	if err != nil {
		return err
	}
	defer end()
	if _, err := basev1.NewPluginServiceClient(p.conn).Remove(ctx, &basev1.RemoveRequest{Call: call}); err != nil {
		return p.failure(ctx, err)
	}
	return nil
}

func configuredV1(r *basev1.ConfigureResponse, kind Kind) (Configured, error) {
	var out Configured
	if err := checkCount("diagnostics", len(r.GetDiagnostics()), diagnosticLimit); err != nil {
		return Configured{}, err
	}
	for i, d := range r.GetDiagnostics() {
		diagnostic, err := diagnosticV1(d)
		if err != nil {
			return Configured{}, fmt.Errorf("diagnostic %d: %w", i+1, err)
		}
		out.Diagnostics = append(out.Diagnostics, diagnostic)
	}
	var err error
	if kind.Provisioner != nil && len(r.GetCredentials()) > 0 {
		return Configured{}, errors.New("a provisioner reads no credentials")
	}
	if out.Credentials, err = credentialsV1(r.GetCredentials(), kind.Records); err != nil {
		return Configured{}, err
	}
	if out.Diagnostics.HasErrors() && len(out.Credentials) > 0 {
		return Configured{}, errors.New("it carries both an error and a result")
	}
	return out, nil
}

var severitiesV1 = map[basev1.Severity]diag.Severity{
	basev1.Severity_SEVERITY_ERROR:   diag.Error,
	basev1.Severity_SEVERITY_WARNING: diag.Warning,
}

func diagnosticV1(d *basev1.Diagnostic) (diag.Diagnostic, error) {
	severity, known := severitiesV1[d.GetSeverity()]
	if !known {
		return diag.Diagnostic{}, errors.New("its severity is unknown")
	}
	err := errors.Join(
		checkText("its summary", d.GetSummary(), 1, 256),
		checkText("its detail", d.GetDetail(), 0, docLimit),
		checkCount("names in its path", len(d.GetPath()), pathLimit))
	for _, name := range d.GetPath() {
		err = errors.Join(err, checkText("a name in its path", name, 1, 64))
	}
	return diag.Diagnostic{Severity: severity, Summary: d.GetSummary(), Detail: d.GetDetail(), Path: d.GetPath()}, err
}
