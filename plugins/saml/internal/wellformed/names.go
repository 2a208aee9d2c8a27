package wellformed

import (
	"encoding/xml"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// binding is one prefix, "" for the default, with its namespace.
type binding struct{ prefix, namespace string }

// scope are the bindings in force, the innermost last. It is never written to once
// another is made from it.
type scope []binding

const (
	xmlPrefix      = "xml"
	xmlnsPrefix    = "xmlns"
	xmlNamespace   = "http://www.w3.org/XML/1998/namespace"
	xmlnsNamespace = "http://www.w3.org/2000/xmlns/"
)

// enter is the scope within an element with these attributes: Namespaces in XML 1.0
// §3.
func (s scope) enter(attributes []xml.Attr) (scope, error) {
	out := slices.Clip(s)
	for _, a := range attributes {
		prefix, is := declares(a.Name)
		if !is {
			continue
		}
		switch {
		case prefix == xmlPrefix || prefix == xmlnsPrefix || a.Value == xmlNamespace || a.Value == xmlnsNamespace:
			return nil, authn.Deny("namespace", "a prefix that is XML's own is declared")
		case a.Value == "" && prefix != "":
			return nil, authn.Deny("namespace", "a prefix is declared to be nothing")
		case a.Value != "" && !absolute(a.Value):
			// What a canonicalisation makes of these differs, CVE-2025-66568.
			return nil, authn.Deny("namespace", "a namespace is no absolute URI")
		}
		out = append(out, binding{prefix, a.Value})
	}
	if len(out) > mostBindings {
		return nil, authn.Deny("too_large", "more than %d namespaces are declared around an element", mostBindings)
	}
	return out, nil
}

// declares reports whether an attribute declares a namespace, and for which prefix.
func declares(n xml.Name) (prefix string, is bool) {
	switch {
	case n.Space == "" && n.Local == xmlnsPrefix:
		return "", true
	case n.Space == xmlnsPrefix:
		return n.Local, true
	}
	return "", false
}

// lookUp finds the namespace of a prefix.
func (s scope) lookUp(prefix string) (namespace string, bound bool) {
	for _, b := range slices.Backward(s) {
		if b.prefix == prefix {
			return b.namespace, true
		}
	}
	if prefix == xmlPrefix {
		return xmlNamespace, true
	}
	return "", prefix == ""
}

// checkAttributes refuses what stands twice, under one prefix or two, and an ID of
// another namespace, which a look-up by the name alone would take for the
// element's own.
func (s scope) checkAttributes(attributes []xml.Attr) error {
	var seen [mostAttributes]xml.Name // with their namespaces, for which prefixes stand
	for i, a := range attributes {
		if err := checkName(a.Name); err != nil {
			return err
		}
		whole := a.Name
		if _, declaration := declares(a.Name); declaration {
			whole.Space = xmlnsNamespace
		} else if a.Name.Space != "" {
			var bound bool
			if whole.Space, bound = s.lookUp(a.Name.Space); !bound {
				return authn.Deny("namespace", "an attribute has a prefix that is not declared")
			}
			if strings.EqualFold(a.Name.Local, "ID") {
				return authn.Deny("id", "an attribute ID has a prefix")
			}
		}
		if slices.Contains(seen[:i], whole) {
			return authn.Deny("duplicate_attribute", "an attribute stands twice at one element")
		}
		seen[i] = whole
	}
	return nil
}

// checkName refuses what the decoder takes for a name and others do not.
func checkName(n xml.Name) error {
	if n.Local == "" || strings.Contains(n.Local, ":") || strings.Contains(n.Space, ":") {
		return authn.Deny("xml", "a name has a colon where none can be")
	}
	if len(n.Local) > longestName || len(n.Space) > longestName {
		return authn.Deny("too_large", "a name has more than %d bytes", longestName)
	}
	return nil
}

// absolute reports whether a namespace is an absolute URI.
func absolute(namespace string) bool {
	if strings.ContainsAny(namespace, " \t\r\n") {
		return false
	}
	if strings.HasPrefix(namespace, "urn:") || strings.HasPrefix(namespace, "http://") || strings.HasPrefix(namespace, "https://") {
		return true
	}
	u, err := url.Parse(namespace)
	return err == nil && u.IsAbs()
}

// declared reads the pseudo-attributes of an XML declaration; nil where they are
// none.
func declared(inst []byte) map[string]string {
	out, rest := map[string]string{}, strings.TrimSpace(string(inst))
	for rest != "" {
		name, after, found := strings.Cut(rest, "=")
		after = strings.TrimLeft(after, " \t\r\n")
		if !found || after == "" || after[0] != '"' && after[0] != '\'' {
			return nil
		}
		value, remains, closed := strings.Cut(after[1:], after[:1])
		name = strings.TrimSpace(name)
		if _, before := out[name]; before || !closed {
			return nil
		}
		out[name] = value
		rest = strings.TrimSpace(remains)
	}
	return out
}
