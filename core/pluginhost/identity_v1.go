//go:build unix

package pluginhost

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

// The limits of what an IdP may say about a person. An assertion with 20,000
// groups is an honest one.
const (
	identityLimit    = 3 << 20 // bytes, of all texts together
	subjectLimit     = 1 << 10
	nameLimit        = 256
	groupsMost       = 50_000
	groupLimit       = 1 << 10
	attributesOf     = 512
	valuesMost       = 50_000
	personValueLimit = 16 << 10
	methodsMost      = 32
	weaknessesMost   = 16
	denialDetail     = 1 << 10
	sessionIndexMost = 1 << 10
)

var reasonForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// denialV1 checks a denial, and returns it as the error that it is.
func denialV1(d *authnv1.Denial) error {
	if !reasonForm.MatchString(d.GetReason()) {
		return errors.New("the reason of its denial is not lower case letters, digits and underscores")
	}
	if err := checkText("the detail of its denial", d.GetDetail(), 0, denialDetail); err != nil {
		return err
	}
	return &authn.Denied{Reason: d.GetReason(), Detail: d.GetDetail()}
}

// identityV1 checks an identity. Nothing of what it says is in the errors: it is
// about a person.
func identityV1(i *authnv1.Identity) (authn.Identity, error) {
	out := authn.Identity{
		Issuer: i.GetIssuer(), Subject: i.GetSubject(), Transient: i.GetTransient(),
		Email: i.GetEmail(), EmailVerified: i.GetEmailVerified(), UserName: i.GetUserName(),
		DisplayName: i.GetDisplayName(), GivenName: i.GetGivenName(), FamilyName: i.GetFamilyName(),
		GroupsState: authn.GroupsState(i.GetGroupsState()), Groups: i.GetGroups(),
		SessionIndex: i.GetSessionIndex(), Keep: i.GetKeep(), Refreshable: i.GetRefreshable(), Weaknesses: i.GetWeaknesses(),
	}
	err := errors.Join(
		checkLine("the issuer", out.Issuer, subjectLimit),
		checkLine("the subject", out.Subject, subjectLimit),
		optionalLine("the e-mail address", out.Email, 320), // RFC 5321 §4.5.3.1: 64, @, 255
		optionalLine("the user name", out.UserName, nameLimit),
		optionalLine("the display name", out.DisplayName, nameLimit),
		optionalLine("the given name", out.GivenName, nameLimit),
		optionalLine("the family name", out.FamilyName, nameLimit),
		optionalLine("the session index", out.SessionIndex, sessionIndexMost),
		checkCount("bytes to keep", len(out.Keep), keepLimit),
		checkLines(groupsMost, out.Groups, groupLimit),
		checkLines(weaknessesMost, out.Weaknesses, 64))
	if err != nil {
		return authn.Identity{}, err
	}
	switch {
	case out.GroupsState < authn.GroupsPresent || out.GroupsState > authn.GroupsPerhapsCut:
		return authn.Identity{}, errors.New("it does not say what its list of groups means")
	case out.GroupsState == authn.GroupsAbsent && len(out.Groups) > 0:
		return authn.Identity{}, errors.New("it says that there is no list of groups, and has one")
	case out.Refreshable && len(out.Keep) == 0:
		return authn.Identity{}, errors.New("it can be refreshed, and keeps nothing for it")
	}
	if o := i.GetOnce(); o != nil {
		out.Once = authn.Once{Kind: o.GetKind(), ID: o.GetId()}
		if out.Once.Until, err = checkOnce(o.GetKind(), o.GetId(), o.GetUntilUnix()); err != nil {
			return authn.Identity{}, errors.New("what counts once in it has no kind, no id, or no end in time")
		}
	}
	if out.Attributes, err = attributesV1(i.GetAttributes()); err != nil {
		return authn.Identity{}, err
	}
	if out.Authentication, err = authenticationV1(i.GetAuthentication()); err != nil {
		return authn.Identity{}, err
	}
	out.SessionEnds, err = instantV1("the end of the session", i.GetSessionEndsUnix())
	return out, err
}

func attributesV1(in []*authnv1.Attribute) ([]authn.Attribute, error) {
	if err := checkCount("attributes", len(in), attributesOf); err != nil {
		return nil, err
	}
	var out []authn.Attribute
	values := 0
	for _, a := range in {
		if values += len(a.GetValues()); values > valuesMost {
			return nil, checkCount("values of attributes", values, valuesMost)
		}
		if err := checkLine("the name of an attribute", a.GetName(), nameLimit); err != nil {
			return nil, err
		}
		for _, v := range a.GetValues() {
			if err := checkText("an attribute", v, 0, personValueLimit); err != nil {
				return nil, err
			}
		}
		out = append(out, authn.Attribute{Name: a.GetName(), Values: a.GetValues()})
	}
	return out, nil
}

func authenticationV1(a *authnv1.Authentication) (authn.Authentication, error) {
	out := authn.Authentication{Context: a.GetContext(), Methods: a.GetMethods(), MultiFactor: authn.MultiFactor(a.GetMultiFactor())}
	if out.MultiFactor < authn.MultiFactorUnsaid || out.MultiFactor > authn.MultiFactorYes {
		return authn.Authentication{}, errors.New("it says of the factors what this host does not know")
	}
	err := errors.Join(
		optionalLine("the authentication context", out.Context, subjectLimit),
		checkLines(methodsMost, out.Methods, nameLimit))
	if err != nil {
		return authn.Authentication{}, err
	}
	out.Time, err = instantV1("the time of the sign-on", a.GetTimeUnix())
	return out, err
}

// instantV1 reads a time; 0 is none.
func instantV1(what string, unix int64) (time.Time, error) {
	if unix == 0 {
		return time.Time{}, nil
	}
	at := time.Unix(unix, 0)
	if at.Before(earliest) || at.After(latest) {
		return time.Time{}, fmt.Errorf("%s is not meant in earnest", what)
	}
	return at, nil
}

func optionalLine(what, text string, most int) error {
	if text == "" {
		return nil
	}
	return checkLine(what, text, most)
}

// checkLines checks a list of lines.
func checkLines(most int, list []string, each int) error {
	if err := checkCount("entries of a list", len(list), most); err != nil {
		return err
	}
	for _, text := range list {
		if err := checkLine("an entry of a list", text, each); err != nil {
			return err
		}
	}
	return nil
}
