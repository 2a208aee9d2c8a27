package admin

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/throttle"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// object is a JSON object. Its members are encoded in the order of their names,
// so the same document is the same bytes.
type object = map[string]any

// schemas turns Go types into JSON Schema (2020-12), each named type once.
type schemas struct {
	named  object
	closed map[reflect.Type]bool // of requests: a member that they do not have is refused
}

// ref is the schema of a named struct: a reference to where it is described.
func (s schemas) ref(t reflect.Type) object {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if name == "Document" {
		name = "Problem" // what RFC 9457 calls it
	}
	if _, known := s.named[name]; !known {
		s.named[name] = object{} // a type may hold itself
		s.named[name] = s.structure(t, name)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// of is the schema of values as encoding/json writes and reads them.
func (s schemas) of(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[wire.Duration]():
		return object{"type": "string", "pattern": durationForm, "examples": []any{"24h"}}
	case reflect.TypeFor[netip.Prefix]():
		return object{"type": "string", "examples": []any{"192.0.2.0/24"}}
	case reflect.TypeFor[json.RawMessage]():
		return object{} // any value
	case reflect.TypeFor[wire.DomainState]():
		return object{"type": "string", "enum": []any{wire.DomainPending, wire.DomainExpired, wire.DomainProved}}
	case reflect.TypeFor[wire.KeyState]():
		return object{"type": "string", "enum": []any{wire.KeyLive, wire.KeyExpired, wire.KeyStopped, wire.KeyRevoked}}
	}
	if to, ok := changed(t); ok {
		one := s.of(to)
		one["type"] = []any{one["type"], "null"}
		return one
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		return s.ref(t)
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return object{"type": "integer"}
	default:
		panic(fmt.Sprintf("admin: no schema for %s", t)) // a new kind of field in the wire types
	}
}

// changed is the type that a field of a change gets, if t is one.
func changed(t reflect.Type) (to reflect.Type, ok bool) {
	if !strings.HasPrefix(t.Name(), "Change[") || t.PkgPath() != reflect.TypeFor[wire.ClientChange]().PkgPath() {
		return nil, false
	}
	get, _ := t.MethodByName("Get")
	return get.Type.Out(0), true
}

// structure is the schema of a struct's own and embedded fields.
func (s schemas) structure(t reflect.Type, name string) object {
	properties, required := object{}, []any{}
	for _, f := range reflect.VisibleFields(t) {
		member, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || member == "" {
			continue
		}
		one := s.of(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			one["description"] = doc // beside a $ref too, since OpenAPI 3.1
		}
		for key, value := range bounds[name+"."+member] {
			if items, ok := one["items"].(object); ok && key != "maxItems" {
				items[key] = value
			} else {
				one[key] = value
			}
		}
		properties[member] = one
		if options == "" {
			required = append(required, member)
		}
	}
	made := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		made["required"] = required
	}
	if t == reflect.TypeFor[wire.ClientChange]() {
		made["minProperties"] = 1
	}
	if s.closed[t] {
		made["additionalProperties"] = false
	}
	return made
}

// durationForm is what time.ParseDuration takes of spans that are not negative.
const durationForm = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`

// printable leaves out what checkText refuses; of what else is unreadable, the
// answer tells.
const printable = `^[^\x00-\x1f\x7f]*$`

// rateForm is a rate, or none.
const rateForm = `^(` + throttle.RateForm + `)?$`

// bounds are what the handlers ask of a field, by type and member. What they
// compare with the configuration in force is not among them.
var bounds = map[string]object{
	"NewClient.id":                       {"pattern": credential.ClientIDForm},
	"NewClient.organization":             {"minLength": 1},
	"NewClient.name":                     {"maxLength": maxText, "pattern": printable},
	"NewClient.owner":                    {"pattern": ownerForm},
	"NewClient.roles":                    {"maxItems": maxList},
	"NewClient.scopes":                   {"maxItems": maxList, "pattern": permissionForm},
	"NewClient.networks":                 {"maxItems": maxList},
	"NewClient.rate":                     {"pattern": rateForm},
	"ClientChange.rate":                  {"pattern": rateForm},
	"ClientChange.name":                  {"maxLength": maxText, "pattern": printable},
	"ClientChange.roles":                 {"maxItems": maxList},
	"ClientChange.scopes":                {"maxItems": maxList, "pattern": permissionForm},
	"ClientChange.networks":              {"maxItems": maxList},
	"KeyImport.keys":                     {"minItems": 1, "maxItems": maxImport},
	"ForeignKey.client":                  {"pattern": credential.ClientIDForm},
	"ForeignKey.hash":                    {"minLength": 1, "maxLength": maxHash, "pattern": `^[!-~]+$`},
	"ForeignKey.name":                    {"maxLength": maxText, "pattern": printable},
	"ForeignKey.roles":                   {"maxItems": maxList},
	"ForeignKey.scopes":                  {"maxItems": maxList, "pattern": permissionForm},
	"ForeignKey.networks":                {"maxItems": maxList},
	"ForeignKey.rate":                    {"pattern": rateForm},
	"Revocation.reason":                  {"maxLength": maxText, "pattern": printable},
	"CredentialRevocation.authenticator": {"minLength": 1},
	"CredentialRevocation.id":            {"minLength": 1, "maxLength": maxID, "pattern": `^[!-~]+$`},
	"CredentialRevocation.reason":        {"maxLength": maxText, "pattern": printable},
	"NewToken.name":                      {"minLength": 1, "maxLength": maxText, "pattern": printable},
	"NewToken.organization":              {"minLength": 1},
	"NewToken.scopes":                    {"maxItems": maxList},
	"KeyringRotation.purpose":            {"enum": []any{"assertion", "admin_token", "provisioning_token", "decision", "plugin_state", "sign_on", "instance", "pair", "all"}},
	"KeyringKey.purpose":                 {"enum": []any{"assertion", "admin_token", "provisioning_token", "decision", "plugin_state", "sign_on", "instance", "signing_pair", "decryption_pair"}},
	"KeyringKey.state":                   {"enum": []any{"next", "active", "retired"}},
	"Client.source":                      {"enum": []any{"api", "file"}},
	"Client.state":                       {"enum": []any{"active", "suspended"}},
	"Role.source":                        {"enum": []any{"api", "file", "manual", "mapping"}},
	"NewProvisioningToken.connection":    {"pattern": labelForm},
	"NewProvisioningToken.name":          {"maxLength": maxText, "pattern": printable},
	"NewProvisioningToken.domains":       {"maxItems": maxList},
	"Grant.source":                       {"enum": []any{"api", "file", "manual", "mapping"}},
	"NewGrant.principal":                 {"pattern": principalForm},
	"NewGrant.role":                      {"minLength": 1},
	"NewGrant.reason":                    {"minLength": 1, "maxLength": maxText, "pattern": printable},
	"GrantRemoval.principal":             {"pattern": principalForm},
	"GrantRemoval.role":                  {"minLength": 1, "maxLength": maxRole},
	"NewDomain.organization":             {"minLength": 1},
	"NewDomain.domain":                   {"minLength": 1, "maxLength": maxDomain},
	"BrakeWindow.state":                  {"enum": []any{"open", "tripped", "finishing", "restoring"}},
	"BrakeWindow.mode":                   {"enum": []any{"suspend", "hold"}},
	"BrakeDetail.state":                  {"enum": []any{"open", "tripped", "finishing", "restoring"}},
	"BrakeDetail.mode":                   {"enum": []any{"suspend", "hold"}},
	"BrakeLeaver.state":                  {"enum": []any{"left", "back", "held", "stuck"}},
}
