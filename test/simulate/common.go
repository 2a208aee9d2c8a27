package simulate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// The URNs that messages name (RFC 7643 §8, RFC 7644 §3.5.2).
const (
	core       = "urn:ietf:params:scim:schemas:core:2.0:User"
	coreGroup  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchOp    = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// operation is one element of a patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

func patch(ops ...operation) object {
	return object{"schemas": []string{patchOp}, "Operations": ops}
}

// resource is the path of one resource.
func resource(endpoint, id string) string { return endpoint + "/" + url.PathEscape(id) }

// probe asks for somebody who is not there, which every server has to answer
// with an empty list.
func (s *session) probe(ctx context.Context, endpoint, query string) error {
	a, err := s.must(ctx, http.MethodGet, endpoint+"?"+query, nil, http.StatusOK)
	if err != nil {
		return err
	}
	if _, ok := a.body["totalResults"].(float64); !ok {
		return fmt.Errorf("GET %s was answered without the number totalResults", endpoint)
	}
	if _, ok := a.body["Resources"].([]any); !ok {
		return fmt.Errorf("GET %s was answered without the list Resources", endpoint)
	}
	return nil
}

// create looks somebody up by an attribute and creates them only if they are not
// there, so that a task that is begun again does no harm. existed says that they
// were there.
func (s *session) create(ctx context.Context, endpoint, attribute, value string, body any) (id string, existed bool, err error) {
	found, err := s.find(ctx, endpoint, attribute, value)
	if err != nil {
		return "", false, err
	}
	if len(found) > 0 {
		id, _ := found[0]["id"].(string)
		return id, true, nil
	}
	a, err := s.must(ctx, http.MethodPost, endpoint, body, http.StatusCreated, http.StatusConflict)
	if err != nil {
		return "", false, err
	}
	if a.status == http.StatusConflict { // somebody made it meanwhile: ourselves, before we hung up
		found, err := s.find(ctx, endpoint, attribute, value)
		if err != nil {
			return "", false, err
		}
		if len(found) == 0 {
			return "", false, fmt.Errorf("POST %s was answered 409 %s, and nobody is to be found by %s", endpoint, a.detail(), attribute)
		}
		id, _ := found[0]["id"].(string)
		return id, true, nil
	}
	id, _ = a.body["id"].(string)
	if id == "" {
		return "", false, fmt.Errorf("POST %s was answered without an id", endpoint)
	}
	return id, false, nil
}

// remove deletes a resource; whoever is gone already was deleted by a request
// whose answer was lost.
func (s *session) remove(ctx context.Context, endpoint, id string) error {
	_, err := s.must(ctx, http.MethodDelete, resource(endpoint, id), nil, http.StatusNoContent, http.StatusNotFound)
	return err
}

// references are members as most providers write them.
func references(people []*person) []object {
	list := []object{}
	for _, p := range people {
		list = append(list, object{"value": p.id})
	}
	return list
}

// products are those that can be played.
var products = map[string]product{
	"okta":         {"Okta, a custom application (App Integration Wizard): everything by PUT", func() provider { return &okta{} }},
	"okta-oin":     {"Okta, an application of its catalogue: PATCH for activation and memberships", func() provider { return &okta{catalogue: true} }},
	"entra":        {"Microsoft Entra ID as it is by default: one operation an attribute, capital ops, booleans as text", func() provider { return &entra{} }},
	"entra-062020": {"Microsoft Entra ID with aadOptscim062020 in the tenant URL", func() provider { return &entra{flag: true} }},
	"onelogin":     {"OneLogin, with the URNs of its SCIM JSON template", func() provider { return &oneLogin{} }},
	"ping":         {"PingFederate and PingOne: PATCH, and both e-mails primary", func() provider { return &ping{} }},
	"jumpcloud":    {"JumpCloud: a test that creates and deletes, removal with a list of values", func() provider { return &jumpCloud{} }},
}
