package proxy

import "net/http"

// answer is where an application's answer is written. What comes before the answer
// itself (RFC 9110 §15.2) is passed on as it comes, so what claims to be ours is
// removed here.
type answer struct {
	http.ResponseWriter
	ours identityHeaders
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(code int) {
	if code < http.StatusOK && code != http.StatusSwitchingProtocols {
		a.ours.strip(a.Header())
	}
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
