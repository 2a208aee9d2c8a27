package idtoken

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// Claims are those of a token or of an answer, by their names, letter for letter:
// "Sub" is none of ours, though encoding/json would put it where "sub" goes.
type Claims map[string]json.RawMessage

// ReadClaims reads a JSON object. It reports false for what is none.
func ReadClaims(text []byte) (Claims, bool) {
	var c Claims
	err := json.Unmarshal(text, &c)
	return c, err == nil && c != nil
}

// Has reports whether a claim is there. One that is null is not (OpenID Connect Core
// 1.0 §5.3.2).
func (c Claims) Has(name string) bool {
	value, ok := c[name]
	return ok && string(value) != "null"
}

// Text returns a claim that is a string; ok is false where it is something else.
func (c Claims) Text(name string) (text string, ok bool) {
	if !c.Has(name) {
		return "", true
	}
	return text, json.Unmarshal(c[name], &text) == nil
}

// Texts returns a claim that is a list of strings, or one string (RFC 7519 §4.1.3).
func (c Claims) Texts(name string) (list []string, ok bool) {
	if !c.Has(name) {
		return nil, true
	}
	var one string
	if json.Unmarshal(c[name], &one) == nil {
		return []string{one}, true
	}
	var pointers []*string // null is no string
	if json.Unmarshal(c[name], &pointers) != nil {
		return nil, false
	}
	list = make([]string, len(pointers))
	for i, p := range pointers {
		if p == nil {
			return nil, false
		}
		list[i] = *p
	}
	return list, true
}

// Truth reports whether a claim is true. Some providers write it as a string.
func (c Claims) Truth(name string) bool {
	var b bool
	if json.Unmarshal(c[name], &b) == nil {
		return b
	}
	var text string
	return json.Unmarshal(c[name], &text) == nil && (text == "true" || text == "1")
}

// latest is as late as a time can be that is meant: the end of the year 9999.
const latest = 253402300799

// Time returns a NumericDate (RFC 7519 §2); zero is one that is not there.
func (c Claims) Time(name string) (t time.Time, ok bool) {
	if !c.Has(name) {
		return t, true
	}
	var seconds float64
	if json.Unmarshal(c[name], &seconds) != nil || seconds <= 0 || seconds > latest {
		return t, false
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true
}

// Unverified returns the claims of a token that was verified before, and has been in
// safe hands since.
func Unverified(raw string) (Claims, bool) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false
	}
	return ReadClaims(text)
}
