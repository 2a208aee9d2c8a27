package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// BrakeWindow is a time within which people of a connection have left.
type BrakeWindow struct {
	ID           string    `json:"id"`
	Connection   string    `json:"connection" doc:"label"`
	Organization string    `json:"organization" doc:"label"`
	State        string    `json:"state" doc:"\"open\": it counts; \"tripped\": it waits for an operator; \"finishing\": its leavers go for good; \"restoring\": they are restored"`
	Mode         string    `json:"mode" doc:"what becomes of those who leave after the trip: \"suspend\", or \"hold\": they keep access"`
	StartedAt    time.Time `json:"started_at"`
	EndsAt       time.Time `json:"ends_at" doc:"of an open one: then what cannot be taken back is done"`
	TrippedAt    time.Time `json:"tripped_at,omitzero"`
	Active       int       `json:"active" doc:"who were active when it began"`
	Allowed      int       `json:"allowed" doc:"who may leave before it trips"`
	Left         int       `json:"left" doc:"who have left"`
	Held         int       `json:"held" doc:"who were kept from leaving"`
	Stuck        int       `json:"stuck" doc:"who could not be restored"`
	Actor        string    `json:"actor,omitempty" doc:"who has decided on it"`
}

// BrakeList is the windows that count, and those that something is left to do
// of. Those that wait for an operator come first.
type BrakeList struct {
	Windows []BrakeWindow `json:"windows"`
}

// BrakeLeaver is one who has left within a window, or was kept from it.
type BrakeLeaver struct {
	User     string    `json:"user" doc:"id"`
	UserName string    `json:"user_name,omitempty" doc:"missing once they are gone for good"`
	State    string    `json:"state" doc:"\"left\": suspended until the window is finished; \"back\": active again; \"held\": kept from leaving; \"stuck\": not restored"`
	Deleted  bool      `json:"deleted,omitempty" doc:"not only deactivated"`
	Problem  string    `json:"problem,omitempty" doc:"why they are stuck"`
	At       time.Time `json:"at"`
}

// BrakeDetail is a window and a page of those who have left, by id.
type BrakeDetail struct {
	BrakeWindow
	Leavers []BrakeLeaver `json:"leavers"`
	Next    string        `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// BrakeRelease says whom an operator has looked at. Where others have left by then
// nobody is released: it cannot be taken back.
type BrakeRelease struct {
	Left int `json:"left" doc:"how many had left"`
	Held int `json:"held" doc:"how many were kept from leaving"`
}

// Brakes lists the windows.
func (h *Host) Brakes(ctx context.Context) (list []BrakeWindow, err error) {
	var answer BrakeList
	err = h.call(ctx, http.MethodGet, "/brakes", nil, &answer)
	return answer.Windows, err
}

// Brake returns a window with a page of those who have left: after the Next of
// the page before, or "".
func (h *Host) Brake(ctx context.Context, id, after string) (detail BrakeDetail, err error) {
	query := ""
	if after != "" {
		query = "?" + url.Values{"after": {after}}.Encode()
	}
	err = h.with(ctx, http.MethodGet, "/brakes/", id, query, nil, &detail)
	return detail, err
}

// ReleaseBrake lets those go who wait within a window: what was held back
// happens.
func (h *Host) ReleaseBrake(ctx context.Context, id string, seen BrakeRelease) (w BrakeWindow, err error) {
	err = h.with(ctx, http.MethodPost, "/brakes/", id, "/release", seen, &w)
	return w, err
}

// DiscardBrake restores everybody of a window as they were.
func (h *Host) DiscardBrake(ctx context.Context, id string) (w BrakeWindow, err error) {
	err = h.with(ctx, http.MethodPost, "/brakes/", id, "/discard", Empty{}, &w)
	return w, err
}
