package provisioning

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// scimError is the body of an error (RFC 7644 §3.12). The host's own have no
// scimType: none of those there are says what they are about.
type scimError struct {
	Schemas []string `json:"schemas"`
	Status  string   `json:"status"`
	Detail  string   `json:"detail"`
}

// refuse answers with an error in the form of the mount. An Okta that gets 429 or
// 503 without a whole number of seconds in Retry-After waits for five minutes.
func refuse(w http.ResponseWriter, form provision.ErrorForm, err error, trace string) {
	p := problem.As(err)
	status := p.Code.Status()
	switch {
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse provisioning"`)
	case (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) && p.RetryAfter <= 0:
		repeat := *p
		repeat.RetryAfter = retryAfter
		p = &repeat
	}
	if form != provision.SCIMErrors {
		problem.Write(w, p, trace)
		return
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((p.RetryAfter+time.Second-1)/time.Second), 10))
	}
	detail := p.Detail
	if p.Hint != "" {
		detail += ": " + p.Hint
	}
	w.Header().Set("Content-Type", "application/scim+json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(scimError{ // the status is sent: a caller who is gone cannot be told
		Schemas: []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, Status: strconv.Itoa(status),
		Detail: fmt.Sprintf("%s (%s, trace id %s)", detail, p.Code, trace),
	})
}

// retryAfter is when to come again where nothing better is known.
const retryAfter = 5 * time.Second
