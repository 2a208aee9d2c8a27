package samltest

import (
	"bytes"
	"compress/flate"
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/beevik/etree"
)

// Sent is a message of a service, as an IdP reads it.
type Sent struct {
	Element    *etree.Element
	XML        []byte
	RelayState string
	Signed     string // of the redirect binding: what is signed
	SigAlg     string
	Signature  []byte // nil where there is none
}

// Value is an attribute of the message.
func (s Sent) Value(name string) string { return s.Element.SelectAttrValue(name, "") }

// Text is the text of the first element at a path, such as ".//SessionIndex".
func (s Sent) Text(path string) string {
	if e := s.Element.FindElement(path); e != nil {
		return e.Text()
	}
	return ""
}

// ReadRedirect reads a message out of a query: SAML Bindings §3.4.4.
func ReadRedirect(query, name string) (s Sent, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return s, err
	}
	compressed, err := base64.StdEncoding.DecodeString(values.Get(name))
	if err != nil {
		return s, err
	}
	if s.XML, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(compressed)), 1<<20)); err != nil {
		return s, fmt.Errorf("decompressing the message: %w", err)
	}
	s.RelayState, s.SigAlg = values.Get("RelayState"), values.Get("SigAlg")
	if text := values.Get("Signature"); text != "" {
		if s.Signature, err = base64.StdEncoding.DecodeString(text); err != nil {
			return s, err
		}
		var signed []string
		for _, want := range []string{name, "RelayState", "SigAlg"} {
			for part := range strings.SplitSeq(query, "&") {
				if strings.HasPrefix(part, want+"=") {
					signed = append(signed, part)
				}
			}
		}
		s.Signed = strings.Join(signed, "&")
	}
	return s, s.parse()
}

// ReadPOST reads a message out of a form's field: SAML Bindings §3.5.4.
func ReadPOST(value, relay string) (s Sent, err error) {
	s.RelayState = relay
	if s.XML, err = base64.StdEncoding.DecodeString(value); err != nil {
		return s, err
	}
	return s, s.parse()
}

func (s *Sent) parse() (err error) {
	if s.Element, err = Root(string(s.XML)); err == nil && s.Element == nil {
		err = errors.New("the message is empty")
	}
	return err
}

// Query makes a query of a message, signed with a key if that has one: SAML Bindings
// §3.4.4.1.
func Query(name, message, relay string, k Key) (string, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err == nil {
		_, err = io.WriteString(w, message)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", err
	}
	query := name + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(b.Bytes()))
	if relay != "" {
		query += "&RelayState=" + url.QueryEscape(relay)
	}
	if k.Private == nil {
		return query, nil
	}
	algorithm := "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	if _, elliptic := k.Private.(*ecdsa.PrivateKey); elliptic {
		algorithm = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
	}
	return SignQuery(query, k, algorithm)
}

// SignQuery signs a query as it is.
func SignQuery(query string, k Key, algorithm string) (string, error) {
	query += "&SigAlg=" + url.QueryEscape(algorithm)
	value, err := signed(k.Private, hashOf(algorithm), []byte(query))
	if err != nil {
		return "", err
	}
	return query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(value)), nil
}
