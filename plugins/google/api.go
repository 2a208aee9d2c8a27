package google

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// api asks the Directory API.
type api struct {
	settings
	host  Host
	clock func() time.Time

	mu     sync.Mutex
	access accessToken
}

// limits are the reasons of an error that say that the same request will do
// later (developers.google.com/workspace/admin/directory/v1/limits).
var limits = []string{"quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded"}

// failure is how the API tells an error.
type failure struct {
	Error struct {
		Message string `json:"message"`
		Errors  []struct {
			Reason string `json:"reason"`
		} `json:"errors"`
	} `json:"error"`
}

// get reads a page into a value. A token that the API refuses is tried anew, once.
func (a *api) get(ctx context.Context, path string, query url.Values, into any) error {
	for attempt := 1; ; attempt++ {
		token, err := a.token(ctx)
		if err != nil {
			return err
		}
		got, err := a.host.Fetch(ctx, hostsvc.FetchRequest{
			Method: http.MethodGet, URL: a.APIURL + path + "?" + query.Encode(),
			Header:      http.Header{"Authorization": {"Bearer " + token}, "Accept": {"application/json"}},
			Credentials: []string{"Authorization"},
		})
		if err != nil {
			return err
		}
		if got.Status == http.StatusUnauthorized {
			a.forget(token)
			if attempt == 1 {
				continue
			}
		}
		if got.Status != http.StatusOK {
			return a.refusal(got, query, token)
		}
		if err := json.Unmarshal(got.Body, into); err != nil {
			return problem.Wrap(err, problem.BadUpstream, "Google's answer is not what its reference says")
		}
		return nil
	}
}

// refusal is an answer other than 200 as a Problem. What the answer says of it goes
// to the operator, but for the token that was sent.
func (a *api) refusal(got hostsvc.FetchResponse, query url.Values, token string) error {
	var f failure
	_ = json.Unmarshal(got.Body, &f) // without its reasons the status says enough
	var reasons []string
	for _, e := range f.Error.Errors {
		reasons = append(reasons, e.Reason)
	}
	limited := slices.ContainsFunc(reasons, func(r string) bool { return slices.Contains(limits, r) })
	text := strings.TrimSpace(strings.Join(reasons, ", ") + " " + f.Error.Message)
	said := printable(strings.ReplaceAll(text, token, "(token)"))
	switch {
	case got.Status == http.StatusTooManyRequests || got.Status == http.StatusForbidden && limited:
		return later(got, "Google's limit of requests is reached: "+said)
	case got.Status >= http.StatusInternalServerError:
		return later(got, "Google cannot answer now: "+said)
	case got.Status == http.StatusUnauthorized || got.Status == http.StatusForbidden:
		return problem.New(problem.Forbidden, "Google does not let %s read its directory: %s", a.Subject, said).
			WithHint("switch the Admin SDK API on in the project of the service account, give the administrator a role that may read users and groups, and check the scopes of the domain-wide delegation")
	case got.Status == http.StatusNotFound:
		return problem.New(problem.NotFound, "Google does not know what it was asked for: %s", said)
	case (got.Status == http.StatusBadRequest || got.Status == http.StatusGone) && query.Get("pageToken") != "":
		return problem.New(problem.Changed, "Google does not know the page any more that the pass was at: %s", said)
	}
	return problem.New(problem.BadUpstream, "Google answered with status %d: %s", got.Status, said)
}

// later says that the same will do another time: when Google says it, if it does.
func later(got hostsvc.FetchResponse, detail string) error {
	code := problem.Unavailable
	if got.Status < http.StatusInternalServerError {
		code = problem.Throttled
	}
	return problem.New(code, "%s", detail).WithRetryAfter(retryAfter(got.Header))
}

// mostRetry bounds what is believed of a Retry-After.
const mostRetry = 24 * time.Hour

// retryAfter reads RFC 9110 §10.2.3. A date counts from that of the answer.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, mostRetry)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(at.Sub(from), 0), mostRetry)
}

// printable is a text of another's as a message can have it.
func printable(text string) string {
	const most = 200
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
	if text = strings.ToValidUTF8(text[:min(len(text), most)], ""); text == "" {
		return "it does not say why"
	}
	return text
}
