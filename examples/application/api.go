package application

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const maxQuery = 64 << 10 // bytes of a request's body

// query is the body of POST /api/v1/query/execute.
type query struct {
	Query    string `json:"query"`
	Provider string `json:"provider"`
	Model    string `json:"model"`
}

func execute(w http.ResponseWriter, r *http.Request) {
	q, err := readQuery(w, r)
	if err != nil {
		problem.Write(w, err, "")
		return
	}
	writeJSON(w, struct {
		Caller caller `json:"caller"`
		query
	}{callerOf(r), q})
}

func readQuery(w http.ResponseWriter, r *http.Request) (query, error) {
	const hint = `send {"query": "…", "provider": "…", "model": "…"}`
	var q query
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuery))
	dec.DisallowUnknownFields()
	err := dec.Decode(&q)
	if err == nil {
		if _, after := dec.Token(); after == nil {
			err = errors.New("something follows the object")
		} else if !errors.Is(after, io.EOF) {
			err = after
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return q, problem.New(problem.TooLarge, "the body is over the limit of %d bytes", large.Limit)
	case err != nil:
		return q, problem.Wrap(err, problem.Invalid, "the body is not the JSON object that this asks for").WithHint(hint)
	case q.Query == "":
		return q, problem.New(problem.Invalid, "the body has no query").WithHint(hint)
	}
	return q, nil
}

func whoami(w http.ResponseWriter, r *http.Request) { writeJSON(w, callerOf(r)) }

// policies stands for what only some may see. It has no check of its own: the
// demonstration's configuration asks policy:write for /api/v1/admin/*.
func policies(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, struct {
		Caller   caller   `json:"caller"`
		Policies []string `json:"policies"`
	}{callerOf(r), []string{"default"}})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // it is about one caller
	_ = json.NewEncoder(w).Encode(v)            // fails only when the caller has gone
}
