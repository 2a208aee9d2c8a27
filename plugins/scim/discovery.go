package scim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
)

// The schemas of discovery (RFC 7643 §5 to §7) and of lists (RFC 7644 §3.4.2).
const (
	listURN           = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	providerConfigURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	resourceTypeURN   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaURN         = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// basePlace stands in the documents of discovery where the base URL belongs,
// which only a request knows. No URL has a NUL.
const basePlace = "\x00"

// documents are what discovery answers, made once.
type documents struct {
	providerConfig document
	schemas        []document
	resourceTypes  []document
}

// document is one resource of discovery: its id, in lower case, and its JSON.
type document struct{ id, text string }

func newDocuments(s settings, kinds []*kind) documents {
	d := documents{providerConfig: providerConfigOf(s)}
	seen := map[string]bool{}
	for _, k := range kinds {
		d.resourceTypes = append(d.resourceTypes, newDocument(k.Name, resourceTypeOf(k)))
		for _, one := range append([]*schema.Schema{k.Schema}, k.Extensions...) {
			if !seen[one.ID] {
				seen[one.ID] = true
				d.schemas = append(d.schemas, newDocument(one.ID, schemaOf(one)))
			}
		}
	}
	return d
}

func newDocument(id string, content any) document {
	text, _ := json.Marshal(content) // structs of strings and numbers always encode
	// JSON writes the NUL as an escape.
	return document{strings.ToLower(id), strings.ReplaceAll(string(text), `\u0000`, basePlace)}
}

func (d document) at(base string) string {
	quoted := string(appendText(nil, base))
	return strings.ReplaceAll(d.text, basePlace, quoted[1:len(quoted)-1])
}

type docMeta struct {
	ResourceType string `json:"resourceType"`
	Location     string `json:"location"`
}

func supported(yes bool) map[string]bool { return map[string]bool{"supported": yes} }

// providerConfigOf is RFC 7643 §5 and RFC 9865 §4.
func providerConfigOf(s settings) document {
	type bulkConfig struct {
		Supported  bool  `json:"supported"`
		Operations count `json:"maxOperations"`
		Payload    count `json:"maxPayloadSize"`
	}
	type filterConfig struct {
		Supported bool  `json:"supported"`
		Results   count `json:"maxResults"`
	}
	type pagination struct {
		Cursor  bool   `json:"cursor"`
		Index   bool   `json:"index"`
		Method  string `json:"defaultPaginationMethod"`
		Size    count  `json:"defaultPageSize"`
		MaxSize count  `json:"maxPageSize"`
	}
	type scheme struct {
		Type        string `json:"type"`
		Name        string `json:"name"`
		Description string `json:"description"`
		SpecURI     string `json:"specUri"`
		Primary     bool   `json:"primary"`
	}
	return newDocument("", struct {
		Schemas        []string        `json:"schemas"`
		Patch          map[string]bool `json:"patch"`
		Bulk           bulkConfig      `json:"bulk"`
		Filter         filterConfig    `json:"filter"`
		ChangePassword map[string]bool `json:"changePassword"`
		Sort           map[string]bool `json:"sort"`
		ETag           map[string]bool `json:"etag"`
		Pagination     pagination      `json:"pagination"`
		Schemes        []scheme        `json:"authenticationSchemes"`
		Meta           docMeta         `json:"meta"`
	}{
		[]string{providerConfigURN},
		supported(true), bulkConfig{true, s.Bulk, s.BulkBytes}, filterConfig{true, s.MaxResults},
		supported(false), supported(true), supported(true),
		pagination{true, true, "index", s.PageSize, s.MaxResults},
		[]scheme{{
			"oauthbearertoken", "OAuth Bearer Token", "A token of the connection in the Authorization header, as Bearer.",
			"https://www.rfc-editor.org/rfc/rfc6750", true,
		}},
		docMeta{"ServiceProviderConfig", basePlace + "/ServiceProviderConfig"},
	})
}

// resourceTypeOf is RFC 7643 §6.
func resourceTypeOf(k *kind) any {
	type extension struct {
		Schema   string `json:"schema"`
		Required bool   `json:"required"`
	}
	var extensions []extension
	for _, e := range k.Extensions {
		extensions = append(extensions, extension{Schema: e.ID})
	}
	return struct {
		Schemas     []string    `json:"schemas"`
		ID          string      `json:"id"`
		Name        string      `json:"name"`
		Description string      `json:"description,omitempty"`
		Endpoint    string      `json:"endpoint"`
		Schema      string      `json:"schema"`
		Extensions  []extension `json:"schemaExtensions,omitempty"`
		Meta        docMeta     `json:"meta"`
	}{
		[]string{resourceTypeURN}, k.Name, k.Name, k.Description, k.Endpoint, k.Schema.ID, extensions,
		docMeta{"ResourceType", basePlace + "/ResourceTypes/" + k.Name},
	}
}

type attributeDocument struct {
	Name            string              `json:"name"`
	Type            schema.Type         `json:"type"`
	Sub             []attributeDocument `json:"subAttributes,omitempty"`
	MultiValued     bool                `json:"multiValued"`
	Description     string              `json:"description,omitempty"`
	Required        bool                `json:"required"`
	CanonicalValues []string            `json:"canonicalValues,omitempty"`
	CaseExact       bool                `json:"caseExact"`
	Mutability      schema.Mutability   `json:"mutability"`
	Returned        schema.Returned     `json:"returned"`
	Uniqueness      schema.Uniqueness   `json:"uniqueness"`
	ReferenceTypes  []string            `json:"referenceTypes,omitempty"`
}

// schemaOf is RFC 7643 §7.
func schemaOf(s *schema.Schema) any {
	return struct {
		Schemas     []string            `json:"schemas"`
		ID          string              `json:"id"`
		Name        string              `json:"name"`
		Description string              `json:"description,omitempty"`
		Attributes  []attributeDocument `json:"attributes"`
		Meta        docMeta             `json:"meta"`
	}{
		[]string{schemaURN}, s.ID, s.Name, s.Description, attributeDocuments(s.Attributes),
		docMeta{"Schema", basePlace + "/Schemas/" + s.ID},
	}
}

func attributeDocuments(list []schema.Attribute) []attributeDocument {
	made := make([]attributeDocument, 0, len(list))
	for _, a := range list {
		d := attributeDocument{
			Name: a.Name, Type: a.Type, MultiValued: a.MultiValued, Description: a.Description, Required: a.Required,
			CanonicalValues: a.CanonicalValues, CaseExact: a.CaseExact, Mutability: a.Mutability,
			Returned: a.Returned, Uniqueness: a.Uniqueness, ReferenceTypes: a.ReferenceTypes,
		}
		if len(a.Sub) > 0 {
			d.Sub = attributeDocuments(a.Sub)
		}
		made = append(made, d)
	}
	return made
}

// discover answers RFC 7644 §4. Its documents cannot be filtered, and are shown
// whole.
func (h *handler) discover(req *request, o *output) error {
	if req.query.Has("filter") {
		return fail(http.StatusForbidden, "", "The documents of discovery cannot be filtered.")
	}
	var list []document
	switch req.place {
	case providerConfig:
		o.buf = append(o.buf, h.documents.providerConfig.at(req.base)...)
		return nil
	case schemas:
		list = h.documents.schemas
	default:
		list = h.documents.resourceTypes
	}
	if req.id != "" {
		for _, d := range list {
			if d.id == strings.ToLower(req.id) {
				o.buf = append(o.buf, d.at(req.base)...)
				return nil
			}
		}
		return errNowhere
	}
	count := strconv.Itoa(len(list))
	o.buf = append(o.buf, `{"schemas":["`+listURN+`"],"totalResults":`+count+`,"startIndex":1,"itemsPerPage":`+count+`,"Resources":[`...)
	for i, d := range list {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		o.buf = append(o.buf, d.at(req.base)...)
	}
	o.buf = append(o.buf, `]}`...)
	return nil
}
