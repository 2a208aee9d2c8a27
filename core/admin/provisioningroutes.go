package admin

import (
	"net/http"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// provisioningRoutes are those of what identity providers bring: their tokens,
// what they have said, who has left, and the people themselves.
func provisioningRoutes() []route {
	connection := parameter{"connection", "query", "label of a connection; only what is of it", object{"type": "string", "pattern": labelForm}}
	people := func(name, text string) []parameter {
		return append(paging(resourceIDForm), connection,
			parameter{"organization", "query", "label of an organization; only what is of it", object{"type": "string", "minLength": 1}},
			parameter{name, "query", text, object{"type": "string", "minLength": 1, "maxLength": maxName}})
	}
	of := func(form string) []parameter { return append(id(form), paging(resourceIDForm)...) }
	return []route{
		{http.MethodGet, "/provisioning-tokens", ReadProvisioning, oneOrganization, (*API).listProvisioningTokens, contract{
			id: "listProvisioningTokens", summary: "List the tokens of identity providers, newest first", out: wire.ProvisioningTokenPage{}, status: http.StatusOK,
			parameters: append(paging(recordIDForm), connection),
		}},
		{http.MethodPost, "/provisioning-tokens", WriteProvisioning, oneOrganization, (*API).createProvisioningToken, contract{
			id: "createProvisioningToken", summary: "Make a token by which the identity provider of a connection comes in", in: wire.NewProvisioningToken{}, needed: true,
			out: wire.IssuedProvisioningToken{}, secret: true, status: http.StatusCreated,
		}},
		{http.MethodPost, "/provisioning-tokens/{id}/revoke", WriteProvisioning, oneOrganization, (*API).revokeProvisioningToken, contract{
			id: "revokeProvisioningToken", summary: "End a token with the next request", in: wire.Empty{}, out: wire.ProvisioningToken{}, status: http.StatusOK, parameters: id(recordIDForm),
		}},
		{http.MethodGet, "/connections", ReadProvisioning, oneOrganization, (*API).listConnections, contract{
			id: "listConnections", summary: "List the connections to identity providers, by label", out: wire.ConnectionPage{}, status: http.StatusOK, parameters: paging(labelForm),
		}},
		{http.MethodGet, "/connections/{id}", ReadProvisioning, oneOrganization, (*API).showConnection, contract{
			id: "showConnection", summary: "Show a connection, and how it is doing", out: wire.Connection{}, status: http.StatusOK, parameters: id(labelForm),
		}},
		{http.MethodPost, "/connections/{id}/pull", WriteProvisioning, oneOrganization, (*API).pullConnection, contract{
			id: "pullConnection", summary: "Ask the identity provider of a connection for its people now", in: wire.Empty{}, out: wire.Connection{}, status: http.StatusAccepted, parameters: id(labelForm),
		}},
		{http.MethodGet, "/connections/{id}/exchanges", ReadProvisioning, oneOrganization, (*API).listExchanges, contract{
			id: "listExchanges", summary: "List the last requests of a connection's identity provider, newest first", out: wire.ExchangeList{}, status: http.StatusOK,
			parameters: append(id(labelForm), paging(recordIDForm)[:1]...),
		}},
		{http.MethodGet, "/brakes", ReadProvisioning, oneOrganization, (*API).listBrakes, contract{
			id: "listBrakes", summary: "List the windows within which people have left", out: wire.BrakeList{}, status: http.StatusOK,
		}},
		{http.MethodGet, "/brakes/{id}", ReadProvisioning, oneOrganization, (*API).showBrake, contract{
			id: "showBrake", summary: "Show a window, and who has left within it, by id", out: wire.BrakeDetail{}, status: http.StatusOK, parameters: of(recordIDForm),
		}},
		{http.MethodPost, "/brakes/{id}/release", WriteProvisioning, oneOrganization, (*API).releaseBrake, contract{
			id: "releaseBrake", summary: "Let those go who wait within a window", in: wire.BrakeRelease{}, decided: true, out: wire.BrakeWindow{}, status: http.StatusOK, parameters: id(recordIDForm),
		}},
		{http.MethodPost, "/brakes/{id}/discard", WriteProvisioning, oneOrganization, (*API).discardBrake, contract{
			id: "discardBrake", summary: "Restore everybody of a window as they were", in: wire.Empty{}, out: wire.BrakeWindow{}, status: http.StatusOK, parameters: id(recordIDForm),
		}},
		{http.MethodGet, "/users", ReadUsers, oneOrganization, (*API).listUsers, contract{
			id: "listUsers", summary: "List users by id", out: wire.UserPage{}, status: http.StatusOK, parameters: people("user_name", "the whole userName, in any case"),
		}},
		{http.MethodGet, "/users/{id}", ReadUsers, oneOrganization, (*API).showUser, contract{
			id: "showUser", summary: "Show a user, their groups, and their roles with the reason of each", out: wire.UserDetail{}, status: http.StatusOK, parameters: id(resourceIDForm),
		}},
		{http.MethodGet, "/groups", ReadUsers, oneOrganization, (*API).listGroups, contract{
			id: "listGroups", summary: "List groups by id", out: wire.GroupPage{}, status: http.StatusOK, parameters: people("display_name", "the whole displayName, in any case"),
		}},
		{http.MethodGet, "/groups/{id}", ReadUsers, oneOrganization, (*API).showGroup, contract{
			id: "showGroup", summary: "Show a group and its members, by id", out: wire.GroupDetail{}, status: http.StatusOK, parameters: of(resourceIDForm),
		}},
	}
}
