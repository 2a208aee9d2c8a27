// Package wellformed reads the XML of strangers in one pass, and refuses what
// parsers are known to disagree about before anything else looks at it: document
// types, processing instructions, comments, CDATA sections, anything beside the
// one root, names that are none, attributes that stand twice, namespaces that are
// no URIs. What is left is bounded in its size, depth and number of elements.
//
// SAML has no use for any of it: Bindings §3.5.4 wants no document type, and what
// comments and CDATA have done to others is in CVE-2017-11427 and CVE-2025-25291.
package wellformed

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Limits bound a message.
type Limits struct {
	Bytes    int
	Elements int
	Depth    int

	// Comments are left out instead of refused: metadata has them, and people read
	// it. What is signed and says who somebody is has none.
	Comments bool
}

// Messages are the limits of a message of an IdP. An assertion with 20,000 groups
// has 0.9 MB and as many elements.
func Messages() Limits { return Limits{Bytes: 2 << 20, Elements: 60_000, Depth: 48} }

// The limits that have no reason to differ.
const (
	mostAttributes = 64  // of an element, declarations of namespaces among them
	mostBindings   = 128 // of prefixes around an element: each look-up goes through them
	longestName    = 256 // bytes
)

// Parse reads a message, or says what is wrong with it, as a *authn.Denied.
func Parse(message []byte, l Limits) (*etree.Element, error) {
	if len(message) > l.Bytes {
		return nil, authn.Deny("too_large", "the XML has %d bytes, %d are taken", len(message), l.Bytes)
	}
	message = bytes.TrimPrefix(message, []byte("\xef\xbb\xbf")) // a byte order mark of UTF-8: XML 1.0 §4.3.3
	if !utf8.Valid(message) {
		return nil, authn.Deny("encoding", "the XML is not in UTF-8")
	}
	r := reader{limits: l, message: message, decoder: xml.NewDecoder(bytes.NewReader(message))}
	for {
		before := r.decoder.InputOffset()
		token, err := r.decoder.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = r.take(token, before)
		} else {
			err = malformed(err)
		}
		if err != nil {
			return nil, err
		}
	}
	if r.root == nil || r.current != nil {
		return nil, authn.Deny("xml", "the XML has no root element, or ends within one")
	}
	return r.root, nil
}

// malformed says what the decoder says, without what stood there.
func malformed(err error) error {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return authn.Deny("xml", "the XML is not well-formed in line %d", syntax.Line)
	}
	return authn.Deny("encoding", "the XML is in an encoding or a version that is not taken") // the decoder's only other kind
}

// reader is one pass.
type reader struct {
	limits   Limits
	message  []byte
	decoder  *xml.Decoder
	root     *etree.Element
	current  *etree.Element // the innermost that is open
	scopes   []scope
	elements int
	begun    bool // something has been read
}

func (r *reader) take(token xml.Token, at int64) error {
	first := !r.begun
	r.begun = true
	switch t := token.(type) {
	case xml.StartElement:
		if err := normalise(r.message[at:r.decoder.InputOffset()], t.Attr); err != nil {
			return err
		}
		return r.start(t)
	case xml.EndElement:
		return r.end(t)
	case xml.CharData:
		return r.text(t, at)
	case xml.ProcInst:
		if t.Target != "xml" || !first {
			return authn.Deny("processing_instruction", "there is a processing instruction in the XML")
		}
		return declaration(t)
	case xml.Comment:
		if !r.limits.Comments {
			return authn.Deny("comment", "there is a comment in the XML")
		}
	case xml.Directive:
		return authn.Deny("doctype", "there is a document type in the XML")
	}
	return nil
}

// declaration checks the XML declaration: XML 1.0 §2.8.
func declaration(p xml.ProcInst) error {
	said := declared(p.Inst)
	if said == nil {
		return authn.Deny("xml", "the XML declaration is none")
	}
	if said["version"] != "1.0" {
		return authn.Deny("encoding", "it is not XML 1.0")
	}
	if encoding, there := said["encoding"]; there && !strings.EqualFold(encoding, "utf-8") {
		return authn.Deny("encoding", "the XML says that it is not in UTF-8")
	}
	return nil
}

func (r *reader) text(t xml.CharData, at int64) error {
	if r.current == nil {
		if len(bytes.TrimLeft(t, " \t\r\n")) > 0 {
			return authn.Deny("xml", "there is text beside the root element")
		}
		return nil
	}
	if bytes.HasPrefix(r.message[at:], []byte("<!")) { // a token of text that begins so was a CDATA section
		return authn.Deny("cdata", "there is a CDATA section in the XML")
	}
	r.current.CreateText(string(t))
	return nil
}

func (r *reader) start(t xml.StartElement) error {
	r.elements++
	switch {
	case r.root != nil && r.current == nil:
		return authn.Deny("xml", "there is a second root element")
	case r.elements > r.limits.Elements:
		return authn.Deny("too_large", "the XML has more than %d elements", r.limits.Elements)
	case len(r.scopes) >= r.limits.Depth:
		return authn.Deny("too_deep", "the XML is deeper than %d elements", r.limits.Depth)
	case len(t.Attr) > mostAttributes:
		return authn.Deny("too_large", "an element has more than %d attributes", mostAttributes)
	}
	if err := checkName(t.Name); err != nil {
		return err
	}
	within, err := r.scope().enter(t.Attr)
	if err != nil {
		return err
	}
	if _, bound := within.lookUp(t.Name.Space); !bound {
		return authn.Deny("namespace", "an element has a prefix that is not declared")
	}
	if err := within.checkAttributes(t.Attr); err != nil {
		return err
	}
	e := &etree.Element{Space: t.Name.Space, Tag: t.Name.Local}
	for _, a := range t.Attr {
		e.Attr = append(e.Attr, etree.Attr{Space: a.Name.Space, Key: a.Name.Local, Value: a.Value})
	}
	if r.current == nil {
		r.root = e
	} else {
		r.current.AddChild(e)
	}
	r.current, r.scopes = e, append(r.scopes, within)
	return nil
}

func (r *reader) end(t xml.EndElement) error {
	if r.current == nil || r.current.Space != t.Name.Space || r.current.Tag != t.Name.Local {
		return authn.Deny("xml", "an element is ended that is not open")
	}
	r.current, r.scopes = r.current.Parent(), r.scopes[:len(r.scopes)-1]
	return nil
}

func (r *reader) scope() scope {
	if len(r.scopes) == 0 {
		return nil
	}
	return r.scopes[len(r.scopes)-1]
}
