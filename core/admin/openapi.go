package admin

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// documentPath is where the API describes itself. It is served to everybody:
// the document is that of a published API, the same on every host, and says
// nothing of the one that serves it.
const documentPath = "/openapi.json"

// Document is the OpenAPI 3.1 document of the API, made from its table of
// routes and the types of its bodies.
func Document() []byte { return document() }

var document = sync.OnceValue(func() []byte {
	text, err := json.MarshalIndent(describe(routes()), "", "  ")
	if err != nil {
		panic("admin: the document holds only what encodes: " + err.Error())
	}
	return append(text, '\n')
})

func (a *API) serveDocument(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		a.wrongMethod(w, r, []string{http.MethodGet})
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(Document()) // as in write
}

func describe(table []route) object {
	s := schemas{named: object{}, closed: map[reflect.Type]bool{}}
	for _, rt := range table {
		if rt.in != nil {
			s.closed[reflect.TypeOf(rt.in)] = true
		}
	}
	paths := object{documentPath: object{"get": object{
		"operationId": "showDocument", "summary": "This document", "tags": []any{"openapi.json"}, "security": []any{},
		"responses": object{"200": object{"description": "OK", "content": object{"application/json": object{"schema": object{"type": "object"}}}}, "405": failure("Method Not Allowed"), "default": failure("Any other")},
	}}}
	for _, rt := range table {
		operations, ok := paths[rt.path].(object)
		if !ok {
			operations = object{}
			paths[rt.path] = operations
		}
		operations[strings.ToLower(rt.method)] = s.operation(rt)
	}
	s.ref(reflect.TypeFor[problem.Document]())
	return object{
		"openapi": "3.1.1",
		"info": object{
			"title": "Gatehouse admin API", "version": "1",
			"description": "Clients and their keys, revocations, admin tokens, what identity providers bring, and how the host is. Durations are written as Go writes them, such as \"24h\" or \"1h30m\". " +
				"Answers may get further members within v1; requests with members that are not described are refused.",
			"license": object{"name": "Apache 2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []any{object{"url": wire.Prefix}},
		"security": []any{object{"adminToken": []any{}}},
		"tags": []any{
			object{"name": "clients", "description": "Programs that call the application, and their keys."},
			object{"name": "keys", "description": "What can be done to one key."},
			object{"name": "revocations", "description": "Credentials without a record that are refused."},
			object{"name": "admin-tokens", "description": "Who may use this API."},
			object{"name": "provisioning-tokens", "description": "By which identity providers come in."},
			object{"name": "connections", "description": "What the identity provider of a connection has said."},
			object{"name": "brakes", "description": "Who has left within a time, and whether they go for good."},
			object{"name": "sessions", "description": "People who have signed on with a browser."},
			object{"name": "domains", "description": "E-mail domains that organizations prove at run time."},
			object{"name": "users", "description": "People, their groups and their roles."},
			object{"name": "groups", "description": "Groups and who is in them."},
			object{"name": "plugins", "description": "The processes of the plugins."},
			object{"name": "status", "description": "How the host is."},
			object{"name": "config", "description": "The configuration in force, and those before it."},
			object{"name": "openapi.json", "description": "This document."},
		},
		"paths": paths,
		"components": object{
			"schemas":         s.named,
			"securitySchemes": object{"adminToken": object{"type": "http", "scheme": "bearer", "description": "An admin token, or on the local socket the content of admin.token."}},
		},
	}
}

// tagOf groups routes by what they are about.
func tagOf(path string) string {
	first, _, _ := strings.Cut(path[1:], "/")
	return first
}

func (s schemas) operation(rt route) object {
	one := object{
		"operationId": rt.id, "summary": rt.summary, "tags": []any{tagOf(rt.path)},
		"description": "Needs the permission `" + string(rt.permission) + "`. " + rt.reach.text(), "responses": s.answers(rt),
	}
	var parameters []any
	if rt.keyed() {
		rt.parameters = append(slices.Clip(rt.parameters), parameter{
			"Idempotency-Key", "header", "a key of the caller's; within 24 hours the same request with the same key is done once", object{"type": "string", "pattern": idempotencyKeyForm},
		})
	}
	for _, p := range rt.parameters {
		entry := object{"name": p.name, "in": p.in, "schema": p.schema}
		if p.text != "" {
			entry["description"] = p.text
		}
		if p.in == "path" {
			entry["required"] = true
		}
		parameters = append(parameters, entry)
	}
	if parameters != nil {
		one["parameters"] = parameters
	}
	if rt.in != nil {
		one["requestBody"] = object{"required": rt.needed, "content": content(rt.mediaType(), s.of(reflect.TypeOf(rt.in)))}
	}
	return one
}

// text tells callers of the document.
func (r reach) text() string {
	if r == oneOrganization {
		return "To a token of one organization, what is of another is not there."
	}
	return "A token of one organization is refused."
}

func (s schemas) answers(rt route) object {
	success := object{"description": http.StatusText(rt.status)}
	if strings.HasSuffix(rt.path, "/{id}") {
		success["headers"] = object{"ETag": object{"description": "the version of the client, for If-Match", "schema": object{"type": "string"}}}
	}
	if rt.out != nil {
		success["content"] = content(rt.answers(), s.of(reflect.TypeOf(rt.out)))
	}
	answers := object{strconv.Itoa(rt.status): success, "default": failure("Any other")}
	for _, status := range rt.failures() {
		answers[strconv.Itoa(status)] = failure(http.StatusText(status))
	}
	if rt.refusal != nil {
		answers["400"] = object{"description": "Bad Request", "content": content(problem.MediaType, s.of(reflect.TypeOf(rt.refusal)))}
	}
	if rt.secret {
		answers["409"] = object{"description": "Conflict, or a repetition", "content": content(problem.MediaType, s.of(reflect.TypeFor[wire.Repeated]()))}
	}
	return answers
}

// failures are the statuses with which a route refuses.
func (rt route) failures() []int {
	list := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if strings.Contains(rt.path, "{") || rt.missing {
		list = append(list, http.StatusNotFound)
	}
	if rt.in != nil {
		list = append(list, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	if rt.method == http.MethodPatch {
		list = append(list, http.StatusPreconditionFailed, http.StatusPreconditionRequired)
	}
	if rt.decided {
		list = append(list, http.StatusPreconditionFailed)
	}
	return list
}

func failure(description string) object {
	return object{"description": description, "content": content(problem.MediaType, object{"$ref": "#/components/schemas/Problem"})}
}

func content(mediaType string, schema object) object {
	return object{mediaType: object{"schema": schema}}
}
