// Package instance is what an instance of a plugin is made from: one block of
// the configuration, the keys that the host gives it, and the host's services.
package instance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
)

// Config is the configuration of one instance.
type Config struct {
	Name string // such as "apikey"; unique in the host
	Kind string

	// Provider is the product of the IdP that the block's connection leads to, such
	// as "okta", or "generic"; "" outside of a connection.
	Provider string

	// ValidateOnly says that nobody will use the instance.
	ValidateOnly bool

	// Keys are this instance's own, for keyed hashes: the newest first, the
	// same after a restart. A verifier names the key that it was made with.
	// There are none with ValidateOnly.
	Keys []Key

	Logger *slog.Logger // joins the host's log under the plugin's name
	Host   hostsvc.Host

	// Values is the block as a JSON object; Decode is the way to read it.
	Values json.RawMessage

	// Unknown are attributes that have a value which is not known during this
	// validation. Leave out checks on them.
	Unknown []string
}

// Decode reads the values into a struct with json tags. The host has already
// checked them against the schema, so an error is a mistake of the plugin's
// author, and comes back as a diagnostic.
func (c Config) Decode(into any) diag.Diagnostics {
	d := json.NewDecoder(bytes.NewReader(c.Values))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		var ds diag.Diagnostics
		ds.Errorf(nil, "The plugin cannot read its own configuration", "Its schema and its code do not fit: %v. This is a mistake in the plugin.", err)
		return ds
	}
	return nil
}

// IsUnknown reports whether the attribute's value is not known now.
func (c Config) IsUnknown(path string) bool { return slices.Contains(c.Unknown, path) }

// Key is a key of 32 random bytes. It does not print.
type Key struct {
	ID  string
	Key []byte
}

// Format implements fmt.Formatter, so that no verb shows the key.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "key %s", k.ID) }

// LogValue implements slog.LogValuer.
func (k Key) LogValue() slog.Value { return slog.StringValue("key " + k.ID) }
