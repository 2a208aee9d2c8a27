// Package tree reads elements by their namespaces, and attributes by their whole
// names. What etree offers for it goes by prefixes, or takes any.
package tree

import (
	"strings"

	"github.com/beevik/etree"
)

// The namespaces of what is read.
const (
	Protocol  = "urn:oasis:names:tc:SAML:2.0:protocol"  // SAML Core §1.1
	Assertion = "urn:oasis:names:tc:SAML:2.0:assertion" // SAML Core §1.1
	Metadata  = "urn:oasis:names:tc:SAML:2.0:metadata"  // SAML Metadata §1.1
	Signature = "http://www.w3.org/2000/09/xmldsig#"    // XML Signature §1.2
	Encrypted = "http://www.w3.org/2001/04/xmlenc#"     // XML Encryption §1.3
)

// Is reports whether an element has this name in this namespace.
func Is(e *etree.Element, namespace, name string) bool {
	return e != nil && e.Tag == name && e.NamespaceURI() == namespace
}

// Children are those with this name in this namespace, in their order.
func Children(e *etree.Element, namespace, name string) []*etree.Element {
	var out []*etree.Element
	for _, token := range e.Child {
		if c, ok := token.(*etree.Element); ok && Is(c, namespace, name) {
			out = append(out, c)
		}
	}
	return out
}

// Only is the one child with this name in this namespace; nil where there is none,
// or more than one.
func Only(e *etree.Element, namespace, name string) *etree.Element {
	if list := Children(e, namespace, name); len(list) == 1 {
		return list[0]
	}
	return nil
}

// Attr is the value of an attribute without a prefix. etree's own look-up would
// also take one of a foreign namespace.
func Attr(e *etree.Element, name string) (value string, there bool) {
	for _, a := range e.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value, true
		}
	}
	return "", false
}

// Value is the value of an attribute without a prefix, "" where there is none.
func Value(e *etree.Element, name string) string {
	v, _ := Attr(e, name)
	return v
}

// Text is all the text of an element. It is no text where there is an element
// within: which part of it would be meant?
func Text(e *etree.Element) (text string, ok bool) {
	switch len(e.Child) {
	case 0:
		return "", true
	case 1:
		if c, is := e.Child[0].(*etree.CharData); is {
			return c.Data, true
		}
		return "", false
	}
	var b strings.Builder
	for _, token := range e.Child {
		c, is := token.(*etree.CharData)
		if !is {
			return "", false
		}
		b.WriteString(c.Data)
	}
	return b.String(), true
}

// URI is the text of an element that holds an xs:anyURI, whose white space at
// both ends does not count (XML Schema 2 §3.2.17).
func URI(e *etree.Element) (text string, ok bool) {
	text, ok = Text(e)
	return strings.Trim(text, Space), ok
}

// Space is what XML takes for white space (XML 1.0 §2.3).
const Space = " \t\r\n"

// Blank reports whether an element has no text of its own but white space.
func Blank(e *etree.Element) bool {
	for _, token := range e.Child {
		if c, is := token.(*etree.CharData); is && strings.Trim(c.Data, Space) != "" {
			return false
		}
	}
	return true
}
