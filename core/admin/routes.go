package admin

import (
	"net/http"
	"slices"

	"github.com/gatehouse-id/gatehouse/core/credential"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// route is one entry of the API: what serves it, and what its callers are told
// of it. The document of the API is made from this table.
type route struct {
	method, path string
	permission   Permission
	reach        reach
	answer       func(*API, *call) (status int, body any, err error) // of success; its error is a Problem
	contract
}

// contract is what goes in and out of a route.
type contract struct {
	id, summary string
	in, out     any  // zero values; nil is no body
	needed      bool // whether there has to be a body
	decided     bool // whether the body says what it was decided on, which may have changed: 412
	refusal     any  // zero value of what a 400 has, if more than a Problem
	secret      bool // whether success holds a secret: out is then shown once
	status      int  // of success
	parameters  []parameter
}

// parameter is a value beside the body.
type parameter struct {
	name, in, text string
	schema         object
}

// routes is the table.
func routes() []route {
	organization := parameter{"organization", "query", "label of an organization; only its clients", object{"type": "string", "minLength": 1}}
	return slices.Concat(provisioningRoutes(), sessionRoutes(), domainRoutes(), explainRoutes(), []route{
		{http.MethodGet, "/clients", ReadClients, oneOrganization, (*API).listClients, contract{
			id: "listClients", summary: "List clients by id", out: wire.ClientPage{}, status: http.StatusOK,
			parameters: append(paging(credential.ClientIDForm), organization),
		}},
		{http.MethodPost, "/clients", WriteClients, oneOrganization, (*API).createClient, contract{
			id: "createClient", summary: "Make a client and its first key", in: wire.NewClient{}, needed: true, out: wire.Issued{}, secret: true, status: http.StatusCreated,
		}},
		{http.MethodGet, "/clients/{id}", ReadClients, oneOrganization, (*API).showClient, contract{
			id: "showClient", summary: "Show a client, its roles and its keys", out: wire.ClientDetail{}, status: http.StatusOK, parameters: id(credential.ClientIDForm),
		}},
		{http.MethodPatch, "/clients/{id}", WriteClients, oneOrganization, (*API).updateClient, contract{
			id: "updateClient", summary: "Change a client that was made at run time", in: wire.ClientChange{}, needed: true, out: wire.Client{}, status: http.StatusOK,
			parameters: append(id(credential.ClientIDForm), parameter{
				"If-Match", "header", "the ETag of the client as it was read, or * for whatever it is now", object{"type": "string"},
			}),
		}},
		{http.MethodPost, "/clients/{id}/keys", WriteClients, oneOrganization, (*API).createKey, contract{
			id: "createKey", summary: "Make a further key", in: wire.NewKey{}, out: wire.Issued{}, secret: true, status: http.StatusCreated, parameters: id(credential.ClientIDForm),
		}},
		{http.MethodPost, "/clients/{id}/rotate", WriteClients, oneOrganization, (*API).rotateKey, contract{
			id: "rotateKey", summary: "Make a new key, and end the one in use after the overlap", in: wire.Rotation{}, out: wire.Issued{}, secret: true, status: http.StatusCreated,
			parameters: id(credential.ClientIDForm),
		}},
		{http.MethodPost, "/keys/import", WriteClients, wholeInstallation, (*API).importKeys, contract{
			id: "importKeys", summary: "Import keys that another system has made and hashed, all or none of them", in: wire.KeyImport{}, needed: true, out: wire.ImportedKeys{},
			refusal: refusedImport{}, status: http.StatusOK,
		}},
		{http.MethodPost, "/keys/{id}/revoke", WriteClients, oneOrganization, (*API).revokeKey, contract{
			id: "revokeKey", summary: "End a key for good", in: wire.Revocation{}, out: wire.Key{}, status: http.StatusOK, parameters: id(recordIDForm),
		}},
		{http.MethodPost, "/revocations", WriteClients, wholeInstallation, (*API).revokeCredential, contract{
			id: "revokeCredential", summary: "Refuse a credential without a record, such as a signed token", in: wire.CredentialRevocation{}, needed: true, status: http.StatusNoContent,
		}},
		{http.MethodGet, "/admin-tokens", ReadTokens, oneOrganization, (*API).listTokens, contract{
			id: "listTokens", summary: "List the tokens of this API, newest first", out: wire.TokenList{}, status: http.StatusOK, parameters: paging(recordIDForm),
		}},
		{http.MethodPost, "/admin-tokens", WriteTokens, oneOrganization, (*API).createToken, contract{
			id: "createToken", summary: "Make a token of this API", in: wire.NewToken{}, needed: true, out: wire.IssuedToken{}, secret: true, status: http.StatusCreated,
		}},
		{http.MethodPost, "/admin-tokens/{id}/revoke", WriteTokens, oneOrganization, (*API).revokeToken, contract{
			id: "revokeToken", summary: "End a token at once", in: wire.Empty{}, out: wire.Token{}, status: http.StatusOK, parameters: id(recordIDForm),
		}},
		{http.MethodGet, "/plugins", ReadPlugins, wholeInstallation, (*API).listPlugins, contract{
			id: "listPlugins", summary: "List the plugin processes by name", out: wire.PluginList{}, status: http.StatusOK, parameters: paging(pluginCursorForm),
		}},
		{http.MethodGet, "/status", ReadStatus, wholeInstallation, (*API).showStatus, contract{
			id: "showStatus", summary: "Say how the host is", out: wire.Status{}, status: http.StatusOK,
		}},
		{http.MethodGet, "/keyring", ReadKeyring, wholeInstallation, (*API).listKeyring, contract{
			id: "listKeyring", summary: "List the host's own keys, by purpose and instance", out: wire.KeyringKeys{}, status: http.StatusOK,
		}},
		{http.MethodPost, "/keyring/rotate", WriteKeyring, wholeInstallation, (*API).rotateKeyring, contract{
			id: "rotateKeyring", summary: "Make new keys of the host's own", in: wire.KeyringRotation{}, needed: true, out: wire.KeyringKeys{}, status: http.StatusCreated,
		}},
		{http.MethodPost, "/config/apply", WriteConfig, wholeInstallation, (*API).applyConfig, contract{
			id: "applyConfig", summary: "Make files the configuration in force, all or none of it", in: wire.NewConfig{}, needed: true, out: wire.AppliedConfig{}, refusal: refusedConfig{},
			status: http.StatusOK,
		}},
		{http.MethodGet, "/config/revisions", ReadConfig, wholeInstallation, (*API).listRevisions, contract{
			id: "listRevisions", summary: "List the configurations that came into force, newest first", out: wire.RevisionPage{}, status: http.StatusOK, parameters: paging(revisionForm),
		}},
		{http.MethodGet, "/config/revisions/{number}", ReadConfig, wholeInstallation, (*API).showRevision, contract{
			id: "showRevision", summary: "Show a configuration that came into force, with its files", out: wire.RevisionDetail{}, status: http.StatusOK,
			parameters: []parameter{{"number", "path", "", object{"type": "string", "pattern": revisionForm}}},
		}},
	})
}

// mediaType is that of the route's requests.
func (rt route) mediaType() string {
	if rt.method == http.MethodPatch {
		return mergePatch
	}
	return "application/json"
}

// pages reports whether the route takes parameters in the URL.
func (c contract) pages() bool {
	return slices.ContainsFunc(c.parameters, func(p parameter) bool { return p.in == "query" })
}

// id is the one in the path.
func id(form string) []parameter {
	return []parameter{{"id", "path", "", object{"type": "string", "pattern": form}}}
}

// paging is what every list takes.
func paging(form string) []parameter {
	return []parameter{
		{"limit", "query", "how many entries the page has at most", object{"type": "integer", "minimum": 1, "maximum": maxPage, "default": defaultPage}},
		{"after", "query", "the next of the page before", object{"type": "string", "pattern": form}},
	}
}
