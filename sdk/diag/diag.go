// Package diag is what a plugin says about its configuration: a list of
// diagnostics, each on the attribute that it is about. The host prints them
// with the file, line and snippet that they belong to, in the same form as its
// own, so a plugin never needs to know where its configuration stands.
package diag

import (
	"fmt"
	"strings"
)

// Severity says whether a diagnostic stops the configuration.
type Severity int

// An Error stops the configuration; a Warning is only shown.
const (
	Error Severity = iota
	Warning
)

// String is the word that is printed before a diagnostic.
func (s Severity) String() string {
	if s == Warning {
		return "Warning"
	}
	return "Error"
}

// Path leads to an attribute: names of attributes and blocks, and within
// repeated blocks and lists the index as a decimal number, such as
// {"limit", "0", "rate"}. An empty path means the block as a whole.
type Path []string

// String writes the path with dots, as it is shown where no file is known.
func (p Path) String() string { return strings.Join(p, ".") }

// Diagnostic is one complaint. Summary is a few words, Detail says what was
// expected and what to do. Neither repeats the value: it may be a secret.
type Diagnostic struct {
	Severity Severity
	Summary  string
	Detail   string
	Path     Path
}

// String is the form for logs and test failures.
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s: %s: %s (%s)", d.Severity, d.Summary, d.Detail, d.Path)
}

// Diagnostics is a list of complaints; nil is none.
type Diagnostics []Diagnostic

// Errorf adds an error on the attribute at path.
func (ds *Diagnostics) Errorf(path Path, summary, format string, args ...any) {
	*ds = append(*ds, Diagnostic{Severity: Error, Summary: summary, Detail: fmt.Sprintf(format, args...), Path: path})
}

// Warnf adds a warning on the attribute at path.
func (ds *Diagnostics) Warnf(path Path, summary, format string, args ...any) {
	*ds = append(*ds, Diagnostic{Severity: Warning, Summary: summary, Detail: fmt.Sprintf(format, args...), Path: path})
}

// HasErrors reports whether one of them stops the configuration.
func (ds Diagnostics) HasErrors() bool {
	for _, d := range ds {
		if d.Severity == Error {
			return true
		}
	}
	return false
}
