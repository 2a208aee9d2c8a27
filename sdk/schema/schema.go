// Package schema is how a plugin describes the HCL block that configures it.
// The host decodes the block against the schema, reports what does not fit with
// file and line, never prints what is sensitive, and generates the reference
// documentation from it.
package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Type is the type of an attribute's value.
type Type string

// The types, and what the plugin receives for them in JSON.
const (
	String  Type = "string"
	Number  Type = "number" // a JSON number
	Bool    Type = "bool"
	Strings Type = "list(string)"
	Map     Type = "map(string)" // an object whose values are strings

	// Duration is written as in Go ("90s", "1h30m") and received as that string.
	Duration Type = "duration"

	// Key names a key of the host's keyring. The plugin receives its id and
	// asks the host to use it; the key itself never leaves the host.
	Key Type = "key"
)

// Attribute is one argument of the block.
type Attribute struct {
	Name       string
	Type       Type
	Required   bool
	Default    any    // what an absent optional attribute means: string, float64, bool, []string or map[string]string; nil is nothing
	Sensitive  bool   // the value is never printed, and outside of development never a literal
	Deprecated string // not empty: a warning that says what to use instead
	Doc        string // one or two sentences for the operator
	Example    string // HCL source of a value, for the reference
}

// Block is a nested block.
type Block struct {
	Name     string
	Repeated bool // any number of times, received as a list; else at most once, as an object
	Doc      string
	Schema
}

// Schema is what may stand in a block.
type Schema struct {
	Attributes []Attribute
	Blocks     []Block
}

var name = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Check reports what is wrong with the schema itself: names that HCL cannot
// write, two of one name, no documentation, a default of another type or on a
// required or sensitive attribute. A plugin with such a schema is not loaded.
func (s Schema) Check() error {
	var errs []error
	seen := map[string]bool{}
	claim := func(n string) {
		if !name.MatchString(n) {
			errs = append(errs, fmt.Errorf("%q: a name is lower case letters, digits and underscores", n))
		}
		if seen[n] {
			errs = append(errs, fmt.Errorf("%q is declared twice", n))
		}
		seen[n] = true
	}
	for _, a := range s.Attributes {
		claim(a.Name)
		if err := a.check(); err != nil {
			errs = append(errs, fmt.Errorf("attribute %q: %w", a.Name, err))
		}
	}
	for _, b := range s.Blocks {
		claim(b.Name)
		if b.Doc == "" {
			errs = append(errs, fmt.Errorf("block %q has no documentation", b.Name))
		}
		if err := b.Schema.Check(); err != nil {
			errs = append(errs, fmt.Errorf("block %q: %w", b.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (a Attribute) check() error {
	switch {
	case a.Doc == "":
		return errors.New("it has no documentation")
	case a.Required && a.Default != nil:
		return errors.New("it is required and has a default")
	case a.Sensitive && a.Default != nil:
		return errors.New("it is sensitive and has a default")
	}
	if a.Default != nil {
		text, err := json.Marshal(a.Default)
		if err != nil {
			return fmt.Errorf("its default is no value of a configuration: %w", err)
		}
		return a.Type.Accepts(text)
	}
	return a.Type.Accepts([]byte("null"))
}

// Accepts reports whether a JSON value is of the type; null, an absent value,
// is of every type.
func (t Type) Accepts(value []byte) error {
	var into any
	switch t {
	case String, Key, Duration:
		into = new(string)
	case Number:
		into = new(float64)
	case Bool:
		into = new(bool)
	case Strings:
		into = new([]string)
	case Map:
		into = new(map[string]string)
	default:
		return fmt.Errorf("%q is no type", string(t))
	}
	if err := json.Unmarshal(value, into); err != nil {
		return fmt.Errorf("it is no %s", t)
	}
	if d, ok := into.(*string); ok && t == Duration && string(value) != "null" {
		if _, err := time.ParseDuration(*d); err != nil {
			return errors.New(`it is no duration, such as "90s" or "1h30m"`)
		}
	}
	return nil
}
