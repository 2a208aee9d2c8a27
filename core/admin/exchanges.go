package admin

import (
	"net/http"
	"regexp"

	"github.com/gatehouse-id/gatehouse/core/provisioning/traffic"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Traffic keeps the last requests of each connection's identity provider.
type Traffic interface {
	Last(connection string, limit int) []traffic.Entry
}

// onePage is the form of where a page begins in a list that has one: there is none.
var onePage = regexp.MustCompile(`^\b$`)

func (a *API) listExchanges(c *call) (int, any, error) {
	asked, _, err := parseQuery(c.URL.RawQuery, onePage)
	if err != nil {
		return 0, nil, err
	}
	connection, ok := a.connection(c.actor, c.PathValue("id"))
	if !ok {
		return 0, nil, noConnection(problem.NotFound, c.PathValue("id"))
	}
	list := wire.ExchangeList{Exchanges: []wire.Exchange{}}
	for _, e := range a.Traffic.Last(connection.Label, asked.limit) {
		list.Exchanges = append(list.Exchanges, asExchange(e))
	}
	return http.StatusOK, list, nil
}

func asExchange(e traffic.Entry) wire.Exchange {
	x := wire.Exchange{
		At: e.At.UTC(), Duration: wire.Duration(e.Duration), TraceID: e.TraceID, Token: e.Token, From: e.From, UserAgent: e.UserAgent,
		Method: e.Method, Target: e.Target, Status: e.Status, Problem: e.Problem, Times: e.Times,
		Request: e.Request, RequestBytes: e.RequestBytes, Response: e.Response, ResponseBytes: e.ResponseBytes,
		Notes: []wire.ExchangeNote{}, Changes: []wire.DirectoryChange{},
	}
	for _, n := range e.Notes {
		x.Notes = append(x.Notes, wire.ExchangeNote{Rule: n.Rule, Detail: n.Detail})
	}
	for _, d := range e.Changes {
		x.Changes = append(x.Changes, wire.DirectoryChange{What: d.What, Type: d.Type, ID: d.ID, Name: d.Name, Unknown: d.Unknown})
	}
	return x
}
