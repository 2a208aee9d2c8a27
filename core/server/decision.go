package server

import (
	"net/http"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/core/access/decided"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// seal gives a decision its id, and the answer the header that says it. Nothing is
// written for it: who has the id has all that there is to be known.
func (s *Server) seal(w http.ResponseWriter, t turn, asked *access.Request, way decided.Way, d *access.Decision, err error) {
	if s.Decisions == nil {
		return
	}
	facts := d.Facts(asked, err)
	facts.Way, facts.Revision = way, t.Revision
	if id := s.Decisions.Seal(facts); id != "" {
		d.ID = []string{id}
		w.Header()[problem.DecisionHeader] = d.ID
	}
}
