// Package plugin serves a Gatehouse plugin: describe it in a Plugin, hand that
// to Serve, and main is done.
//
//	func main() {
//		plugin.Serve(plugin.Plugin{
//			Name:     "example",
//			Version:  "1.0.0",
//			Programs: []authn.ProgramKind{{ ... }},
//		})
//	}
//
// The host starts the binary, speaks gRPC with it over a private socket, and
// ends it; a plugin is never started by hand and never outlives its host.
// Standard output belongs to the protocol: log with the logger of
// instance.Config.
package plugin

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Plugin describes a plugin and what it serves.
type Plugin struct {
	Name    string // lower case letters, digits and dashes
	Version string // the author's own, such as "1.4.2"

	// HostServices are those that the plugin calls. The operator grants them
	// one by one.
	HostServices []string

	// Programs are the kinds of authenticators of programs.
	Programs []authn.ProgramKind

	// People are the kinds of authenticators of people.
	People []authn.PersonKind

	// Provisioners are the kinds of provisioners. No two kinds of a plugin have the
	// same name, whatever they are.
	Provisioners []provision.Kind
}

var label = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// reserved are the attributes of a plugin's block that are the host's own.
var reserved = []string{"isolation"}

// Check reports what is wrong with the description. Serve refuses to serve such
// a plugin, so that the author sees it at the first start.
func (p Plugin) Check() error {
	var errs []error
	if !label.MatchString(p.Name) {
		errs = append(errs, fmt.Errorf("name %q: lower case letters, digits and dashes, a letter first", p.Name))
	}
	if p.Version == "" {
		errs = append(errs, errors.New("it has no version"))
	}
	for _, s := range p.HostServices {
		if !slices.Contains(hostsvc.Services(), s) {
			errs = append(errs, fmt.Errorf("there is no host service %q", s))
		}
	}
	if len(p.Programs)+len(p.People)+len(p.Provisioners) == 0 {
		errs = append(errs, errors.New("it serves no kind"))
	}
	seen := map[string]bool{}
	check := func(name string, err error) {
		if seen[name] {
			errs = append(errs, fmt.Errorf("kind %q is described twice", name))
		}
		seen[name] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("kind %q: %w", name, err))
		}
	}
	for _, k := range p.Programs {
		check(k.Name, checkProgram(k))
	}
	for _, k := range p.People {
		check(k.Name, checkPerson(k))
	}
	for _, k := range p.Provisioners {
		check(k.Name, checkProvisioner(k))
	}
	return errors.Join(errs...)
}

func checkProgram(k authn.ProgramKind) error {
	errs := []error{checkKind(k.Name, k.Doc, k.New == nil, k.Schema)}
	if k.Records != authn.RecordsHost && k.Records != authn.RecordsNone {
		errs = append(errs, errors.New("it does not say who keeps its records"))
	}
	if k.Imports && k.Records != authn.RecordsHost {
		errs = append(errs, errors.New("it imports hashes, and has no records"))
	}
	if len(k.Credentials) == 0 {
		errs = append(errs, errors.New("it reads no credential"))
	}
	for i, c := range k.Credentials {
		if err := c.Check(k.Records); err != nil {
			errs = append(errs, fmt.Errorf("credential %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

// checkKind checks what all kinds have.
func checkKind(name, doc string, unmade bool, s schema.Schema) error {
	var errs []error
	if !label.MatchString(name) {
		errs = append(errs, errors.New("a name is lower case letters, digits and dashes, a letter first"))
	}
	if doc == "" {
		errs = append(errs, errors.New("it has no documentation"))
	}
	if unmade {
		errs = append(errs, errors.New("it has no New"))
	}
	for _, a := range s.Attributes {
		if slices.Contains(reserved, a.Name) {
			errs = append(errs, fmt.Errorf("attribute %q is the host's own", a.Name))
		}
	}
	return errors.Join(append(errs, s.Check())...)
}
