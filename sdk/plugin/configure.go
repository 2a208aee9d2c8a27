package plugin

import (
	"context"
	"io"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
)

// Configure makes the instance first and then puts it in place of the old one,
// so that a failure leaves that as it was.
func (s *server) Configure(ctx context.Context, r *basev1.ConfigureRequest) (resp *basev1.ConfigureResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Configure")
	defer end(&err)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name := r.GetCall().GetInstance()
	config := instance.Config{
		Name: name, Kind: r.GetKind(), Provider: r.GetProvider(), Values: r.GetConfig(), Unknown: r.GetUnknown(), ValidateOnly: r.GetValidateOnly(),
		Logger: s.log.With("instance", name), Host: *s.host.Load(),
	}
	for _, k := range r.GetKeys() {
		config.Keys = append(config.Keys, instance.Key{ID: k.GetId(), Key: k.GetKey()})
	}
	made, ds, err := s.make(ctx, config)
	if err != nil {
		return nil, err
	}
	unused := made.instance
	defer func() { s.release(r.GetCall(), unused) }()
	resp = &basev1.ConfigureResponse{Diagnostics: diagnosticsToProto(ds)}
	if ds.HasErrors() {
		return resp, nil
	}
	if made.instance == nil {
		return nil, problem.New(problem.Internal, "plugin %q made no instance and said nothing", s.plugin.Name)
	}
	if resp.Credentials, err = made.credentials(); err != nil {
		return nil, err
	}
	if !r.GetValidateOnly() {
		unused, _ = s.instances.Swap(name, made.instance)
	}
	return resp, nil
}

// made is an instance, and what to check of it.
type made struct {
	instance    any
	credentials func() ([]*basev1.Credential, error)
}

// make makes an instance of the kind that is asked for.
func (s *server) make(ctx context.Context, c instance.Config) (made, diag.Diagnostics, error) {
	for _, k := range s.plugin.Programs {
		if k.Name == c.Kind {
			programs, ds := k.New(ctx, c)
			if programs == nil {
				return made{}, ds, nil
			}
			return made{programs, func() ([]*basev1.Credential, error) { return s.credentials(k, programs) }}, ds, nil
		}
	}
	for _, k := range s.plugin.People {
		if k.Name == c.Kind {
			people, ds := k.New(ctx, c)
			if people == nil {
				return made{}, ds, nil
			}
			return made{people, func() ([]*basev1.Credential, error) { return nil, s.checkPeople(k, people) }}, ds, nil
		}
	}
	for _, k := range s.plugin.Provisioners {
		if k.Name == c.Kind {
			provisioner, ds := k.New(ctx, c)
			return made{provisioner, func() ([]*basev1.Credential, error) { return nil, s.checkMade(k, provisioner) }}, ds, nil
		}
	}
	return made{}, nil, problem.New(problem.NotFound, "plugin %q has no kind %q", s.plugin.Name, c.Kind)
}

// credentials are those of an instance whose configuration changes them.
func (s *server) credentials(kind authn.ProgramKind, made authn.Programs) ([]*basev1.Credential, error) {
	if _, ok := made.(authn.Issuer); !ok && kind.Records == authn.RecordsHost {
		return nil, problem.New(problem.Internal, "plugin %q leaves its records to the host, but issues no secrets", s.plugin.Name)
	}
	if _, ok := made.(authn.Importer); !ok && kind.Imports {
		return nil, problem.New(problem.Internal, "plugin %q says that it imports hashes, but does not", s.plugin.Name)
	}
	reader, ok := made.(authn.CredentialReader)
	if !ok {
		return nil, nil
	}
	var out []*basev1.Credential
	for _, c := range reader.Credentials() {
		if err := c.Check(kind.Records); err != nil {
			return nil, problem.Wrap(err, problem.Internal, "plugin %q describes a credential wrongly", s.plugin.Name)
		}
		if _, ok := made.(authn.Locator); !ok && c.ByDigest {
			return nil, problem.New(problem.Internal, "plugin %q has credentials found by digest, but makes none", s.plugin.Name)
		}
		out = append(out, credentialToProto(c))
	}
	return out, nil
}

// Remove forgets an instance.
func (s *server) Remove(_ context.Context, r *basev1.RemoveRequest) (*basev1.RemoveResponse, error) {
	removed, _ := s.instances.LoadAndDelete(r.GetCall().GetInstance())
	s.release(r.GetCall(), removed)
	return &basev1.RemoveResponse{}, nil
}

// release lets an instance that gets no more calls give back what it holds.
func (s *server) release(call *basev1.Call, unused any) {
	closer, ok := unused.(io.Closer)
	if !ok {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			_ = s.panicked(call, v) // it is logged, and concerns no answer
		}
	}()
	if err := closer.Close(); err != nil {
		s.log.Warn("an instance did not close", "instance", call.GetInstance(), "error", err)
	}
}
