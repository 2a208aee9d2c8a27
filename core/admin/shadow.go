package admin

import (
	"context"
	"net/http"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Shadow evaluates other files beside the configuration in force.
type Shadow interface {
	// Start begins, in place of what went on before. Its error is a *RefusedConfig
	// where something is wrong with the files.
	Start(ctx context.Context, files []wire.ConfigFile) (wire.Shadow, error)

	// Stop ends it. Where none goes on it is a Problem (NotFound).
	Stop() (wire.Shadow, error)

	Status() wire.Shadow
}

// shadowRoutes are those of a configuration that is tried on real traffic. Who may
// see it is who may apply: it tells of all organizations who would have what.
func shadowRoutes() []route {
	return []route{
		{http.MethodGet, "/config/shadow", WriteConfig, wholeInstallation, (*API).showShadow, contract{
			id: "showShadow", summary: "Say how files that are evaluated beside the configuration in force differ from it", out: wire.Shadow{}, status: http.StatusOK,
		}},
		{http.MethodPost, "/config/shadow/start", WriteConfig, wholeInstallation, (*API).startShadow, contract{
			id: "startShadow", summary: "Evaluate files beside the configuration in force from now on", in: wire.NewShadow{}, needed: true, out: wire.Shadow{}, refusal: refusedConfig{},
			status: http.StatusOK,
		}},
		{http.MethodPost, "/config/shadow/stop", WriteConfig, wholeInstallation, (*API).stopShadow, contract{
			id: "stopShadow", summary: "End it, and show what was found", in: wire.Empty{}, out: wire.Shadow{}, missing: true, status: http.StatusOK,
		}},
	}
}

func (a *API) showShadow(*call) (int, any, error) { return http.StatusOK, a.Shadow.Status(), nil }

func (a *API) startShadow(c *call) (int, any, error) {
	var asked wire.NewShadow
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if len(asked.Files) == 0 {
		return 0, nil, problem.New(problem.Invalid, "a configuration has files, and the request has none")
	}
	found, err := a.Shadow.Start(c.Context(), asked.Files)
	return http.StatusOK, found, err
}

func (a *API) stopShadow(c *call) (int, any, error) {
	if err := read(c, &wire.Empty{}); err != nil {
		return 0, nil, err
	}
	found, err := a.Shadow.Stop()
	return http.StatusOK, found, err
}
