package wellformed

import (
	"bytes"
	"encoding/xml"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// normalise makes spaces of the white space that stands in the values of a tag as it
// is: XML 1.0 §3.3.3. The decoder leaves it, and then nothing could tell it from what
// is written as a reference, which stays, and which canonicalisation writes otherwise.
func normalise(tag []byte, attributes []xml.Attr) error {
	if !bytes.ContainsAny(tag, "\t\r\n") {
		return nil
	}
	for i := range attributes {
		begin := bytes.IndexAny(tag, `"'`)
		if begin < 0 {
			return authn.Deny("xml", "an attribute has no value")
		}
		length := bytes.IndexByte(tag[begin+1:], tag[begin])
		if length < 0 {
			return authn.Deny("xml", "the value of an attribute has no end")
		}
		quoted := string(tag[begin : begin+length+2])
		tag = tag[begin+length+2:]
		if !strings.ContainsAny(quoted, "\t\r\n") {
			continue
		}
		quoted = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\t", " ").Replace(quoted)
		token, err := xml.NewDecoder(strings.NewReader("<a b=" + quoted + "/>")).RawToken()
		e, is := token.(xml.StartElement)
		if err != nil || !is || len(e.Attr) != 1 {
			return authn.Deny("xml", "the value of an attribute is none")
		}
		attributes[i].Value = e.Attr[0].Value
	}
	return nil
}
