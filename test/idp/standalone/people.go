package standalone

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/gatehouse-id/gatehouse/test/idp"
)

// The limits of a file of people, who are shown on one page.
const (
	peopleBytes = 64 << 10
	peopleMost  = 200
	groupsMost  = 100
	nameMost    = 200 // bytes
	wrongMost   = 10  // mistakes that are shown
)

// ReadPeople reads who can sign on from a file in HCL, or in the JSON form of it where
// its name ends with .json. Mistakes are said all at once, each with its line.
func ReadPeople(path string) ([]idp.Person, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, peopleBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > peopleBytes {
		return nil, fmt.Errorf("%s has more than %d bytes, which are enough for people who are chosen from one page", path, peopleBytes)
	}
	return parsePeople(path, text)
}

func parsePeople(path string, text []byte) ([]idp.Person, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%s is no text in UTF-8", path)
	}
	bound, parse := plainHCL, hclparse.NewParser().ParseHCL
	if filepath.Ext(path) == ".json" {
		bound, parse = shallowJSON, hclparse.NewParser().ParseJSON
	}
	if wrong := bound(path, text); wrong.HasErrors() {
		return nil, complaints(path, wrong)
	}
	file, wrong := parse(text, path)
	if wrong.HasErrors() {
		return nil, complaints(path, wrong)
	}
	content, wrong := file.Body.Content(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "person", LabelNames: []string{"user name"}}}})
	var people []idp.Person
	first := map[string]int{} // the line of each name
	for _, b := range content.Blocks {
		one, ds := person(b)
		wrong = append(wrong, ds...)
		key := strings.ToLower(one.UserName)
		if line := first[key]; line > 0 {
			wrong = append(wrong, complaint(b.LabelRanges[0], "Person stands twice", fmt.Sprintf("%q is in line %d already.", b.Labels[0], line)))
		}
		first[key] = b.DefRange.Start.Line
		people = append(people, one)
	}
	switch {
	case wrong.HasErrors():
		return nil, complaints(path, wrong)
	case len(people) == 0:
		return nil, fmt.Errorf(`%s has nobody in it: expected blocks such as person "jane@acme.example" { groups = ["Staff"] }`, path)
	case len(people) > peopleMost:
		return nil, fmt.Errorf("%s has %d people, and at most %d are shown on one page", path, len(people), peopleMost)
	}
	return people, nil
}

func person(b *hcl.Block) (idp.Person, hcl.Diagnostics) {
	var given struct {
		GivenName  string   `hcl:"given_name,optional"`
		FamilyName string   `hcl:"family_name,optional"`
		Groups     []string `hcl:"groups,optional"`
	}
	ds := gohcl.DecodeBody(b.Body, nil, &given)
	name := b.Labels[0]
	switch why := wrongName(name); {
	case why != "":
		ds = append(ds, complaint(b.LabelRanges[0], "Not a user name", "A name "+why+"."))
	case !strings.Contains(name, "@"):
		ds = append(ds, complaint(b.LabelRanges[0], "Not a user name", "It is also the e-mail address, such as jane@acme.example."))
	}
	for _, n := range append([]string{given.GivenName, given.FamilyName}, given.Groups...) {
		if why := wrongName(n); n != "" && why != "" {
			ds = append(ds, complaint(b.DefRange, "Not a name", "A name "+why+"."))
		}
	}
	if len(given.Groups) > groupsMost {
		ds = append(ds, complaint(b.DefRange, "Too many groups", fmt.Sprintf("A person is in %d groups at most.", groupsMost)))
	}
	if given.GivenName == "" && given.FamilyName == "" { // which pages show
		given.GivenName, _, _ = strings.Cut(name, "@")
	}
	sum := sha256.Sum256([]byte(name))
	return idp.Person{ // the place in the file may change, and they stay the same
		UserName: name, GivenName: given.GivenName, FamilyName: given.FamilyName, Groups: given.Groups, Subject: "person-" + hex.EncodeToString(sum[:8]),
	}, ds
}

// wrongName says why a text cannot be a name.
func wrongName(text string) string {
	switch {
	case strings.TrimSpace(text) != text || text == "":
		return "is not empty, and neither begins nor ends with a space"
	case len(text) > nameMost:
		return fmt.Sprintf("has at most %d bytes", nameMost)
	case strings.ContainsFunc(text, unicode.IsControl):
		return "has no control characters"
	}
	return ""
}

func complaint(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at}
}

// complaints are mistakes as people read them.
func complaints(path string, wrong hcl.Diagnostics) error {
	lines := []string{path + " is wrong:"}
	for i, d := range wrong {
		if i == wrongMost {
			lines = append(lines, fmt.Sprintf("and %d more", len(wrong)-wrongMost))
			break
		}
		at := ""
		if d.Subject != nil {
			at = fmt.Sprintf("line %d: ", d.Subject.Start.Line)
		}
		lines = append(lines, at+d.Summary+". "+d.Detail)
	}
	return errors.New(strings.Join(lines, "\n  "))
}
