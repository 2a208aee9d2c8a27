package provisioning

import (
	"net/http"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// report logs what is not the IdP's doing, with whose request it was, as far as
// that is known.
func (m *Mount) report(r *http.Request, of Connection, p Provisioner, err error) {
	m.Logger.WarnContext(r.Context(), "a provisioning request failed", "connection", of.Label, "provisioner", p.Instance,
		"method", r.Method, "error", err, "hint", problem.As(err).Hint)
}

// ours reports whether an error is one of this side. What a request is refused
// for is the IdP's doing, unless its answer had begun.
func ours(out *answer, err error) bool {
	return out.status != 0 || problem.As(err).Code.Status() >= http.StatusInternalServerError
}

// failed tells of an error of this side that is the provisioner's: not because of
// how the IdP sends its request or takes the answer, nor because it has gone.
func (m *Mount) failed(r *http.Request, p Provisioner, in *capture, out *answer) {
	if p.Instance != "" && r.Context().Err() == nil && !in.broke() && out.err == nil {
		m.Failed(p.Instance)
	}
}
