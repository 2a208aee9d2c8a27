// Package scimerr is how a SCIM request is refused: an HTTP status, a keyword,
// and a sentence for whoever sent it (RFC 7644 §3.12).
package scimerr

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	vocabulary "github.com/elimity-com/scim/errors"
)

// Type is the keyword of an error, in which RFC 7644 §3.12 calls scimType.
type Type = vocabulary.ScimType

// The keywords (RFC 7644 §3.12, table 9).
const (
	InvalidFilter = vocabulary.ScimTypeInvalidFilter
	TooMany       = vocabulary.ScimTypeTooMany
	Uniqueness    = vocabulary.ScimTypeUniqueness
	Mutability    = vocabulary.ScimTypeMutability
	InvalidSyntax = vocabulary.ScimTypeInvalidSyntax
	InvalidPath   = vocabulary.ScimTypeInvalidPath
	NoTarget      = vocabulary.ScimTypeNoTarget
	InvalidValue  = vocabulary.ScimTypeInvalidValue
	InvalidVers   = vocabulary.ScimTypeInvalidVersion
	Sensitive     = vocabulary.ScimTypeSensitive
)

// Error is a refusal. Its detail goes to the IdP that sent the request and into
// nobody's log but the connection's own.
type Error struct {
	Status   int    // of HTTP
	ScimType Type   // "" where the status says it all
	Detail   string // what is wrong, and where
}

// New is a refusal with a keyword, and the status that belongs to it.
func New(t Type, format string, args ...any) *Error {
	status := http.StatusBadRequest
	switch t {
	case Uniqueness:
		status = http.StatusConflict
	case Sensitive:
		status = http.StatusForbidden
	default:
	}
	return &Error{Status: status, ScimType: t, Detail: fmt.Sprintf(format, args...)}
}

// Status is a refusal without a keyword.
func Status(status int, format string, args ...any) *Error {
	return &Error{Status: status, Detail: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *Error) Error() string {
	if e.ScimType == "" {
		return e.Detail
	}
	return string(e.ScimType) + ": " + e.Detail
}

// Within says where in the request it is. An error of another kind is returned
// as it is.
func Within(where string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	inner := *e
	inner.Detail = where + ": " + e.Detail
	return &inner
}

// Quote shows a piece of a request in a detail: quoted, and cut to a length that
// can be read.
func Quote(s string) string {
	const most = 80
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return `"` + strings.ToValidUTF8(strings.ReplaceAll(s, `"`, `'`), "?") + `"`
}
