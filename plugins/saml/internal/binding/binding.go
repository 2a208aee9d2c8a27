// Package binding brings SAML messages through a browser and back: SAML Bindings
// §3.4 (HTTP-Redirect) and §3.5 (HTTP-POST). A signature of the redirect binding is
// over the octets of the query as they were sent, so those are never decoded and
// encoded again.
package binding

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// The names of the parameters.
const (
	Request    = "SAMLRequest"
	Response   = "SAMLResponse"
	RelayState = "RelayState"
	sigAlg     = "SigAlg"
	signature  = "Signature"
	encoding   = "SAMLEncoding"
)

// deflated is the only encoding of the redirect binding that is taken: §3.4.4.1.
const deflated = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"

// Message is one that came by a browser.
type Message struct {
	Request    bool // it is a SAMLRequest, else a SAMLResponse
	XML        []byte
	RelayState string

	// Of the redirect binding: what is signed, by what and how; Signature is nil where
	// there is none.
	Redirect  bool
	Signed    string
	SigAlg    string
	Signature []byte
}

// Read takes the one message out of what a browser brought. Limit is how large its
// XML may be, in bytes.
func Read(in authn.Incoming, limit int) (Message, error) {
	switch in.Method {
	case http.MethodPost:
		return post(in, limit)
	case http.MethodGet:
		return redirect(in.RawQuery, limit)
	}
	return Message{}, authn.Deny("binding", "it came neither by GET nor by POST")
}

func post(in authn.Incoming, limit int) (m Message, err error) {
	if strings.Contains(in.RawQuery, "SAML") {
		return m, authn.Deny("binding", "there is a message in the query of a POST")
	}
	values := map[string]string{}
	for _, f := range in.Form {
		switch f.Name {
		case Request, Response, RelayState, sigAlg, signature, encoding:
			if _, twice := values[f.Name]; twice {
				return m, authn.Deny("binding", "%s stands twice in the form", f.Name)
			}
			values[f.Name] = f.Value
		}
	}
	for _, name := range []string{sigAlg, signature, encoding} {
		if _, there := values[name]; there {
			return m, authn.Deny("binding", "%s stands in a form, and belongs in a query", name)
		}
	}
	encoded, err := m.only(values)
	if err != nil {
		return m, err
	}
	m.XML, err = decode(encoded, limit)
	return m, err
}

// only is the one message among the parameters.
func (m *Message) only(values map[string]string) (encoded string, err error) {
	request, asks := values[Request]
	response, answers := values[Response]
	if asks == answers {
		return "", authn.Deny("binding", "there is not one of SAMLRequest and SAMLResponse")
	}
	m.Request, m.RelayState = asks, values[RelayState]
	if len(m.RelayState) > mostRelay || strings.ContainsFunc(m.RelayState, unicode.IsControl) {
		return "", authn.Deny("binding", "the RelayState has more than %d bytes, or control characters", mostRelay)
	}
	return request + response, nil
}

// mostRelay bounds a RelayState, in bytes. SAML Bindings §3.4.3 has 80, and IdPs send
// more; it goes back to them as it is.
const mostRelay = 1 << 10

// decode undoes base64, and looks at the size before.
func decode(text string, limit int) ([]byte, error) {
	if len(text) > limit/3*4+limit/16+1024 { // base64, with line breaks
		return nil, authn.Deny("too_large", "the message has %d characters, and its XML may have %d bytes", len(text), limit)
	}
	if strings.ContainsAny(text, tree.Space) {
		text = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(text)
	}
	out, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(out) == 0 {
		return nil, authn.Deny("encoding", "the message is no base64, or empty")
	}
	return out, nil
}

// mostQuery bounds a query, in bytes: browsers and proxies take no more.
const mostQuery = 64 << 10

func redirect(query string, limit int) (m Message, err error) {
	m.Redirect = true
	if len(query) > mostQuery {
		return m, authn.Deny("too_large", "the query has %d bytes, %d are taken", len(query), mostQuery)
	}
	raw, values := map[string]string{}, map[string]string{}
	for part := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		switch plain {
		case Request, Response, RelayState, sigAlg, signature, encoding:
		default:
			continue
		}
		if err != nil || name != plain || !found {
			return m, authn.Deny("binding", "the name of a parameter is encoded, or it has no value")
		}
		if _, twice := raw[name]; twice {
			return m, authn.Deny("binding", "%s stands twice in the query", name)
		}
		raw[name] = value
		if values[name], err = url.QueryUnescape(value); err != nil {
			return m, authn.Deny("binding", "%s cannot be decoded", name)
		}
	}
	if how, there := values[encoding]; there && how != deflated {
		return m, authn.Deny("encoding", "the message is encoded by %.100q, not by DEFLATE", how)
	}
	encoded, err := m.only(values)
	if err != nil {
		return m, err
	}
	compressed, err := decode(encoded, mostQuery)
	if err != nil {
		return m, err
	}
	if m.XML, err = inflate(compressed, limit); err != nil {
		return m, err
	}
	return m, m.signed(raw, values)
}

// signed reads the signature of a query: §3.4.4.1.
func (m *Message) signed(raw, values map[string]string) (err error) {
	text, there := values[signature]
	if _, by := raw[sigAlg]; by != there {
		return authn.Deny("signature", "there is a signature without its algorithm, or the other way round")
	}
	if !there {
		return nil
	}
	if m.Signature, err = decode(text, 4<<10); err != nil {
		return authn.Deny("signature", "the signature of the query is no base64")
	}
	m.SigAlg = values[sigAlg]
	name := Response
	if m.Request {
		name = Request
	}
	m.Signed = name + "=" + raw[name]
	if relay, has := raw[RelayState]; has {
		m.Signed += "&" + RelayState + "=" + relay
	}
	m.Signed += "&" + sigAlg + "=" + raw[sigAlg]
	return nil
}

func inflate(compressed []byte, limit int) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(compressed))
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case len(out) > limit:
		return nil, authn.Deny("too_large", "the message has more than %d bytes when it is decompressed", limit)
	case err != nil || len(out) == 0:
		return nil, authn.Deny("encoding", "the message cannot be decompressed")
	}
	return out, nil
}

// Query makes the query of a message in the redirect binding, without a signature.
func Query(name string, xml []byte, relay string) (string, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = w.Write(xml)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", err
	}
	query := name + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(b.Bytes()))
	if relay != "" {
		query += "&" + RelayState + "=" + url.QueryEscape(relay)
	}
	return query, nil
}

// RSASHA256 is what queries and messages of ours are signed by.
const RSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

// WithAlgorithm makes of a query what is to be signed.
func WithAlgorithm(query string) string {
	return query + "&" + sigAlg + "=" + url.QueryEscape(RSASHA256)
}

// WithSignature makes of that what is sent.
func WithSignature(query string, value []byte) string {
	return query + "&" + signature + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(value))
}

// To adds a query to an address, which may have one.
func To(address, query string) string {
	if strings.Contains(address, "?") {
		return address + "&" + query
	}
	return address + "?" + query
}

// Form is the form of a message in the POST binding.
func Form(name string, xml []byte, relay string) []authn.Field {
	out := []authn.Field{{Name: name, Value: base64.StdEncoding.EncodeToString(xml)}}
	if relay != "" {
		out = append(out, authn.Field{Name: RelayState, Value: relay})
	}
	return out
}
