package plugintest

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// What the host takes of an authenticator of people.
const (
	stateLimit    = 1536     // bytes of state
	keepLimit     = 16 << 10 // bytes of what is kept
	forwardLimit  = 64 << 10 // bytes of an address, and of fields
	fieldsLimit   = 32
	documentLimit = 256 << 10
	groupsLimit   = 50_000
	attributes    = 512
	attributeMost = 16 << 10
)

// hostForm is that of a host as browsers write it, with a port or without.
var hostForm = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// checkBegun says what is wrong with where a browser is sent.
func checkBegun(b authn.Begun, relay string) error {
	u, err := url.Parse(b.URL)
	if err != nil {
		return fmt.Errorf("the URL is none: %w", err)
	}
	carried := slices.ContainsFunc(b.Fields, func(f authn.Field) bool { return f.Value == relay })
	for _, values := range u.Query() {
		carried = carried || slices.Contains(values, relay)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || !hostForm.MatchString(u.Host):
		return fmt.Errorf("the URL %q is no absolute one of https or http", b.URL)
	case u.User != nil || u.Fragment != "" || strings.ContainsFunc(b.URL, unicode.IsControl) || len(b.URL) > forwardLimit:
		return errors.New("the URL has a user, a fragment, control characters, or is too long")
	case len(b.State) > stateLimit:
		return fmt.Errorf("the state has %d bytes, %d are allowed", len(b.State), stateLimit)
	case !carried:
		return errors.New("the relay stands neither in the query nor in a field, as it is")
	}
	return checkFields(b.Fields)
}

func checkFields(fields []authn.Field) error {
	size := 0
	for _, f := range fields {
		size += len(f.Value)
		if err := errors.Join(checkLine("the name of a field", f.Name, 1, 128), checkText("a field", f.Value, forwardLimit)); err != nil {
			return err
		}
	}
	if len(fields) > fieldsLimit || size > forwardLimit {
		return fmt.Errorf("%d fields of %d bytes, %d of %d are allowed", len(fields), size, fieldsLimit, forwardLimit)
	}
	return nil
}

// checkIdentity says what of an identity the host would refuse.
func checkIdentity(i authn.Identity) error {
	err := errors.Join(
		checkLine("the issuer", i.Issuer, 1, 1<<10), checkLine("the subject", i.Subject, 1, 1<<10),
		checkLine("the e-mail address", i.Email, 0, 320), checkLine("the user name", i.UserName, 0, 256),
		checkLine("the display name", i.DisplayName, 0, 256), checkLine("the given name", i.GivenName, 0, 256),
		checkLine("the family name", i.FamilyName, 0, 256), checkLine("the session index", i.SessionIndex, 0, 1<<10),
		checkLine("the authentication context", i.Authentication.Context, 0, 1<<10))
	for _, g := range i.Groups {
		err = errors.Join(err, checkLine("a group", g, 1, 1<<10))
	}
	for _, m := range i.Authentication.Methods {
		err = errors.Join(err, checkLine("a method", m, 1, 256))
	}
	for _, a := range i.Attributes {
		err = errors.Join(err, checkLine("the name of an attribute", a.Name, 1, 256))
		for _, v := range a.Values {
			err = errors.Join(err, checkText("an attribute", v, attributeMost))
		}
	}
	switch {
	case err != nil:
	case i.GroupsState < authn.GroupsPresent || i.GroupsState > authn.GroupsPerhapsCut:
		err = errors.New("it does not say what its list of groups means: set GroupsState")
	case i.GroupsState == authn.GroupsAbsent && len(i.Groups) > 0:
		err = errors.New("it says that there is no list of groups, and has one")
	case len(i.Groups) > groupsLimit || len(i.Attributes) > attributes || len(i.Authentication.Methods) > 32 || len(i.Weaknesses) > 16:
		err = errors.New("it has more groups, attributes, methods or weaknesses than the host takes")
	case len(i.Keep) > keepLimit:
		err = fmt.Errorf("it keeps %d bytes, %d are allowed", len(i.Keep), keepLimit)
	case i.Refreshable && len(i.Keep) == 0:
		err = errors.New("it can be refreshed, and keeps nothing for it")
	}
	return err
}

var reasonForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// checkDenied says what of a denial the host would refuse.
func checkDenied(d *authn.Denied) error {
	if !reasonForm.MatchString(d.Reason) {
		return fmt.Errorf("the reason %q is not lower case letters, digits and underscores", d.Reason)
	}
	return checkText("the detail of the denial", d.Detail, 1<<10)
}

// checkMetadata says what of a description for an IdP the host would refuse.
func checkMetadata(m authn.Metadata) error {
	if !slices.Contains([]string{"", "application/samlmetadata+xml", "application/json"}, m.ContentType) || (m.ContentType == "") != (len(m.Document) == 0) {
		return fmt.Errorf("a document of %d bytes as %q: it is SAML metadata or JSON, or there is none", len(m.Document), m.ContentType)
	}
	if len(m.Document) > documentLimit {
		return fmt.Errorf("the document has %d bytes, %d are allowed", len(m.Document), documentLimit)
	}
	return checkFields(m.Values)
}

func checkLine(what, text string, least, most int) error {
	if len(text) < least {
		return fmt.Errorf("%s is missing", what)
	}
	if strings.ContainsAny(text, "\n\t") {
		return fmt.Errorf("%s has control characters", what)
	}
	return checkText(what, text, most)
}

func checkText(what, text string, most int) error {
	switch {
	case len(text) > most:
		return fmt.Errorf("%s is %d bytes long, %d are allowed", what, len(text), most)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s is not UTF-8", what)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return fmt.Errorf("%s has control characters", what)
	}
	return nil
}
