package idp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The limits of a list of people.
const (
	peopleMost = 1000
	groupsMost = 1000 // of one
	textMost   = 256  // bytes of a name
)

// listed is somebody in a list.
type listed struct {
	UserName   string   `json:"userName"`
	GivenName  string   `json:"givenName"`
	FamilyName string   `json:"familyName"`
	Groups     []string `json:"groups"`
}

// ReadPeople reads a list of people: a JSON array of objects with userName, givenName,
// familyName and groups. The error says in which line what is wrong.
func ReadPeople(text []byte) ([]Person, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	line := func() int { return 1 + bytes.Count(text[:min(int(d.InputOffset()), len(text))], []byte("\n")) }
	if first, err := d.Token(); err != nil || first != json.Delim('[') {
		return nil, errors.New("it is no JSON list")
	}
	var list []listed
	for d.More() && len(list) <= peopleMost {
		var one listed
		if err := d.Decode(&one); err != nil {
			return nil, fmt.Errorf("person %d, line %d: %w", len(list)+1, line(), err)
		}
		list = append(list, one)
	}
	if len(list) == 0 || len(list) > peopleMost {
		return nil, fmt.Errorf("it has %d people, and there may be 1 to %d", len(list), peopleMost)
	}
	_, err := d.Token() // the end of the list
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the list")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", line(), err)
	}
	seen := map[string]bool{}
	var people []Person
	for i, one := range list {
		name := strings.ToLower(one.UserName)
		switch {
		case one.UserName == "":
			err = errors.New("has no userName")
		case seen[name]:
			err = fmt.Errorf("has the userName %q of another", one.UserName)
		case one.GivenName+one.FamilyName == "":
			err = errors.New("has neither givenName nor familyName")
		case len(one.Groups) > groupsMost:
			err = fmt.Errorf("is in %d groups, and %d is the most", len(one.Groups), groupsMost)
		}
		for _, t := range append([]string{one.UserName, one.GivenName, one.FamilyName}, one.Groups...) {
			if err == nil && (len(t) > textMost || !utf8.ValidString(t)) {
				err = fmt.Errorf("has a text of more than %d bytes, or none", textMost)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("person %d: %w", i+1, err)
		}
		seen[name] = true
		people = append(people, Person(one))
	}
	return people, nil
}
