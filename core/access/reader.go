package access

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Instance is a configured authenticator of programs, as reading its
// credentials needs it.
type Instance struct {
	Name        string
	Records     authn.RecordsMode
	Credentials []authn.Credential
}

// maxPresented bounds how many credentials one request may carry: the host's
// places, each once.
const maxPresented = 5

// maxCredential is the longest id or secret that is looked at, in bytes. A
// signed token may be as long as a header.
const maxCredential = 8 << 10

// presented is one credential found in a request.
type presented struct {
	by     *reading
	id     string // that came beside the secret
	secret string
}

// reading is one instance's way to read one place.
type reading struct {
	instance   string
	records    authn.RecordsMode
	credential authn.Credential
	begins     string         // how the secret begins
	pattern    *regexp.Regexp // nil where the id comes beside the secret
}

// Reader finds the credentials of a request. It knows the places of all
// instances; an instance is told from another by how its secrets begin.
type Reader struct {
	pairs    []place // in order of their headers
	headers  []place
	basic    []*reading
	bearer   []*reading
	consumed []string // headers that carry credentials, in canonical form
}

// place is one header, or pair of headers, and who reads it.
type place struct {
	idHeader, secretHeader string // canonical
	readings               []*reading
}

// NewReader checks that no credential could be two instances': it returns an
// error that names both if their prefixes overlap in one place. Within one
// instance the longer prefix is meant.
func NewReader(instances []Instance) (*Reader, error) {
	r := &Reader{}
	pairs, headers := map[[2]string]*place{}, map[string]*place{}
	for _, in := range instances {
		for _, c := range in.Credentials {
			if err := c.Check(in.Records); err != nil {
				return nil, fmt.Errorf("authenticator %q: %w", in.Name, err)
			}
			one := &reading{instance: in.Name, records: in.Records, credential: c, begins: c.Prefix}
			if c.Checksum {
				one.begins += "_" // package secret puts it behind the prefix
			}
			if c.IDPattern != "" {
				one.pattern = regexp.MustCompile(c.IDPattern) // Check has compiled it before
			}
			id, sec := textproto.CanonicalMIMEHeaderKey(c.IDHeader), textproto.CanonicalMIMEHeaderKey(c.SecretHeader)
			var err error
			switch c.Location {
			case authn.HeaderPair:
				key := [2]string{id, sec}
				if pairs[key] == nil {
					pairs[key] = &place{idHeader: id, secretHeader: sec}
				}
				pairs[key].readings, err = add(pairs[key].readings, one)
				r.consumed = append(r.consumed, id, sec)
			case authn.Header:
				if headers[sec] == nil {
					headers[sec] = &place{secretHeader: sec}
				}
				headers[sec].readings, err = add(headers[sec].readings, one)
				r.consumed = append(r.consumed, sec)
			case authn.Basic:
				r.basic, err = add(r.basic, one)
			case authn.Bearer:
				r.bearer, err = add(r.bearer, one)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	r.pairs, r.headers = sortedPlaces(pairs), sortedPlaces(headers)
	return r, nil
}

// add puts one into the list, the longest beginnings first: an instance that
// reads two may have one of them begin like the other.
func add(list []*reading, one *reading) ([]*reading, error) {
	at := len(list)
	for i, other := range list {
		a, b := one.begins, other.begins
		if at == len(list) && len(a) > len(b) {
			at = i
		}
		if one.instance == other.instance && a != b {
			continue
		}
		if strings.HasPrefix(a, b) || strings.HasPrefix(b, a) {
			return nil, fmt.Errorf("authenticators %q and %q both read %s with secrets that begin with %q and %q: give one of them another prefix",
				other.instance, one.instance, one.credential.Location, b, a)
		}
	}
	return slices.Insert(list, at, one), nil
}

func sortedPlaces[K comparable](m map[K]*place) []place {
	list := make([]place, 0, len(m))
	for _, p := range m {
		list = append(list, *p)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].secretHeader < list[j].secretHeader })
	return list
}

// read finds the credentials in the order of the design: pairs of headers,
// single headers, Basic, Bearer. An Authorization header that begins like none
// of ours is the application's own: foreign says that there is one.
func (r *Reader) read(h http.Header, into *[maxPresented]presented) (n int, foreign bool, err error) {
	put := func(p presented) error {
		if n == maxPresented {
			return problem.New(problem.Invalid, "the request carries too many credentials").WithHint("send one")
		}
		into[n] = p
		n++
		return nil
	}
	for i := range r.pairs {
		p := &r.pairs[i]
		id, haveID, err := single(h, p.idHeader)
		if err != nil {
			return 0, false, err
		}
		sec, haveSecret, err := single(h, p.secretHeader)
		if err != nil {
			return 0, false, err
		}
		if !haveID && !haveSecret {
			continue
		}
		if !haveID || !haveSecret {
			missing := p.idHeader
			if haveID {
				missing = p.secretHeader
			}
			return 0, false, problem.New(problem.Unauthenticated, "the header %s is missing", missing).
				WithHint("send %s and %s together", p.idHeader, p.secretHeader)
		}
		by := match(p.readings, sec)
		if by == nil {
			return 0, false, refused()
		}
		if err := put(presented{by, id, sec}); err != nil {
			return 0, false, err
		}
	}
	for i := range r.headers {
		p := &r.headers[i]
		sec, have, err := single(h, p.secretHeader)
		if err != nil {
			return 0, false, err
		}
		if !have {
			continue
		}
		by := match(p.readings, sec)
		if by == nil {
			return 0, false, refused()
		}
		if err := put(presented{by, "", sec}); err != nil {
			return 0, false, err
		}
	}
	value, have, err := single(h, "Authorization")
	if err != nil || !have {
		return n, false, err
	}
	p, ours := r.authorization(value)
	if !ours {
		return n, true, nil
	}
	err = put(p)
	return n, false, err
}

// authorization reads the Authorization header, if it is for us.
func (r *Reader) authorization(value string) (presented, bool) {
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok {
		return presented{}, false
	}
	rest = strings.Trim(rest, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		if by := match(r.bearer, rest); by != nil {
			return presented{by, "", rest}, true
		}
	case strings.EqualFold(scheme, "Basic") && len(r.basic) > 0:
		id, sec, ok := decodeBasic(rest)
		if !ok {
			return presented{}, false
		}
		if by := match(r.basic, sec); by != nil {
			return presented{by, id, sec}, true
		}
	}
	return presented{}, false
}

func decodeBasic(text string) (id, sec string, ok bool) {
	if len(text) > maxCredential {
		return "", "", false
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(raw), ":")
}

func match(list []*reading, sec string) *reading {
	for _, one := range list {
		if strings.HasPrefix(sec, one.begins) {
			return one
		}
	}
	return nil
}

// single returns a header that may stand once. Twice could be read two ways.
func single(h http.Header, name string) (value string, ok bool, err error) {
	values := h[name]
	switch {
	case len(values) == 0:
		return "", false, nil
	case len(values) > 1:
		return "", false, problem.New(problem.Invalid, "the header %s stands %d times", name, len(values)).WithHint("send it once")
	case len(values[0]) > maxCredential:
		return "", false, problem.New(problem.TooLarge, "the header %s is over %d bytes", name, maxCredential)
	case strings.IndexByte(values[0], 0) >= 0:
		return "", false, problem.New(problem.Invalid, "the header %s contains a null byte", name)
	}
	return values[0], true, nil
}

// recordID reads the id of the record: what came beside the secret, or the
// pattern's first group.
func (p presented) recordID() string {
	if p.by.pattern == nil {
		return p.id
	}
	if m := p.by.pattern.FindStringSubmatch(p.secret); len(m) > 1 {
		return m[1]
	}
	return ""
}

// typo reports whether a secret with a checksum cannot be what was issued.
func (p presented) typo() bool {
	if !p.by.credential.Checksum {
		return false
	}
	prefix, _, err := secret.Parse(secret.Text(p.secret))
	return err != nil || prefix != p.by.credential.Prefix
}

// Strip removes what was read as credentials, so that the application never
// sees a secret: our own headers and cookie always, Authorization if it was for us.
func (r *Reader) Strip(h http.Header) {
	for _, name := range r.consumed {
		h.Del(name)
	}
	if lines := h["Cookie"]; len(lines) > 0 {
		if kept := session.Without(lines); len(kept) > 0 {
			h["Cookie"] = kept
		} else {
			delete(h, "Cookie")
		}
	}
	if values := h["Authorization"]; len(values) == 1 {
		if _, ours := r.authorization(values[0]); ours {
			h.Del("Authorization")
		}
	}
}

// refused is the one answer to a credential that does not verify, whatever was
// wrong with it.
func refused() error {
	return problem.New(problem.Unauthenticated, "the credential is not valid").
		WithHint("check the client id and the secret; if the secret was rotated or revoked, ask the operator of this service for a new one")
}
