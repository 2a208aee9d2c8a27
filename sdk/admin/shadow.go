package admin

import (
	"context"
	"net/http"
	"time"
)

// NewShadow asks that files are evaluated beside the configuration in force.
type NewShadow struct {
	Files []ConfigFile `json:"files"`
}

// Shadow says what the files would have answered otherwise than the configuration
// in force, of the principals that were evaluated since. It is of one host, and in
// its memory only.
type Shadow struct {
	Running     bool               `json:"running"`
	Files       string             `json:"files,omitempty" doc:"digest of the files"`
	Revision    int64              `json:"revision,omitempty" doc:"that they are compared with: another begins anew"`
	StartedAt   time.Time          `json:"started_at,omitzero"`
	Evaluated   int64              `json:"evaluated" doc:"how often somebody was evaluated by both"`
	Different   int64              `json:"different" doc:"how often that differed"`
	Skipped     int64              `json:"skipped" doc:"how often somebody was not, because too many came at once or something failed"`
	Failure     string             `json:"failure,omitempty" doc:"what failed last"`
	Roles       []ShadowDifference `json:"roles"`
	Permissions []ShadowDifference `json:"permissions" doc:"what is asked for by routes of both"`
	Principals  []ShadowPrincipal  `json:"principals" doc:"who differed when they were evaluated last, the latest first"`
	Forgotten   int64              `json:"forgotten" doc:"how often a principal had to make room for another"`
}

// ShadowDifference sums up how often a role or permission was another.
type ShadowDifference struct {
	Name      string    `json:"name"`
	Gains     int64     `json:"gains"`
	Loses     int64     `json:"loses"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// ShadowPrincipal is a principal that would have something else.
type ShadowPrincipal struct {
	Principal    string       `json:"principal"`
	Organization string       `json:"organization"`
	Roles        ShadowChange `json:"roles"`
	Permissions  ShadowChange `json:"permissions"`
	Access       string       `json:"access,omitempty" doc:"lost or gained"`
	Times        int64        `json:"times"`
	FirstSeen    time.Time    `json:"first_seen"`
	LastSeen     time.Time    `json:"last_seen"`
}

// ShadowChange is what somebody would gain and lose.
type ShadowChange struct {
	Gains []string `json:"gains"`
	Loses []string `json:"loses"`
}

// StartShadow has files evaluated beside the configuration in force; those before
// are no more.
func (h *Host) StartShadow(ctx context.Context, n NewShadow) (s Shadow, err error) {
	err = h.call(ctx, http.MethodPost, "/config/shadow/start", n, &s)
	return s, err
}

// Shadow says what was found so far.
func (h *Host) Shadow(ctx context.Context) (s Shadow, err error) {
	err = h.call(ctx, http.MethodGet, "/config/shadow", nil, &s)
	return s, err
}

// StopShadow ends it, and returns what was found.
func (h *Host) StopShadow(ctx context.Context) (s Shadow, err error) {
	err = h.call(ctx, http.MethodPost, "/config/shadow/stop", Empty{}, &s)
	return s, err
}
