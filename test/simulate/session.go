package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// errOnTheWay is an answer that did not arrive: the provider does not know
// whether the server did what it was asked.
var errOnTheWay = errors.New("the answer did not arrive")

// answerLimit bounds what is read of an answer, in bytes.
const answerLimit = 64 << 20

// session is the provider's way to the server.
type session struct {
	base   string
	token  string
	client *http.Client
	faults Faults
	told   func(Step)
	agent  string

	mu       sync.Mutex
	random   *rand.Rand
	current  string // the phase
	requests int
}

func newSession(o Options) (*session, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%q is not the URL of a SCIM server, such as https://app.example.com/scim/v2", o.URL)
	}
	s := &session{
		base: strings.TrimSuffix(o.URL, "/"), token: o.Token, client: o.Client, faults: o.Faults, told: o.Told,
		random: rand.New(rand.NewPCG(o.Seed, 2)),
	}
	if s.client == nil {
		s.client = &http.Client{Timeout: time.Minute} // Okta's own patience (OKTA-FAQ)
	}
	return s, nil
}

func (s *session) phase(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = name
}

func (s *session) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// object is a JSON object.
type object = map[string]any

// answer is what the server said.
type answer struct {
	status int
	body   object
}

// detail is what a SCIM error says of itself.
func (a answer) detail() string {
	text, _ := a.body["detail"].(string)
	return text
}

// found are the resources of a list.
func (a answer) found() []object {
	list, _ := a.body["Resources"].([]any)
	var out []object
	for _, one := range list {
		if o, ok := one.(object); ok {
			out = append(out, o)
		}
	}
	return out
}

// must sends a request that has to be answered with one of the statuses.
func (s *session) must(ctx context.Context, method, path string, body any, statuses ...int) (answer, error) {
	a, err := s.send(ctx, method, path, body)
	if err != nil {
		return a, err
	}
	if slices.Contains(statuses, a.status) {
		return a, nil
	}
	return a, fmt.Errorf("%s %s was answered %d %s, and not %s", method, path, a.status, a.detail(), oneOf(statuses))
}

// waits bounds how often somebody is asked to come back later.
const waits = 20

// send sends one request, with whatever goes wrong on its way, and comes again
// when it is told to: after 429 and 503, as all providers do.
func (s *session) send(ctx context.Context, method, path string, body any) (answer, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return answer{}, err
		}
	}
	for try := 1; ; try++ {
		fault := s.fault(method)
		a, wait, err := s.once(ctx, method, path, text, fault)
		if err != nil || wait < 0 || try == waits {
			return a, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return a, ctx.Err()
		}
	}
}

const (
	duplicate = "sent twice"
	hangUp    = "hung up"
	lost      = "answer lost"
)

// fault draws what happens to a request. Reads are left alone: what is lost of
// them nobody would notice.
func (s *session) fault(method string) string {
	if method == http.MethodGet {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.random.Float64()
	for _, f := range []struct {
		name  string
		share float64
	}{{duplicate, s.faults.Duplicates}, {hangUp, s.faults.HangUps}, {lost, s.faults.Lost}} {
		if x < f.share {
			return f.name
		}
		x -= f.share
	}
	return ""
}

// patience is how long a provider lets pass before it begins a task again. It is
// minutes in life; here it is enough for the server to have done, or not, what it
// was asked before. To whom came sooner, two groups of one name could be made.
const patience = 500 * time.Millisecond

// once sends a request, or two with a duplicate. wait is how long the server
// asks to wait, -1 where it does not.
func (s *session) once(ctx context.Context, method, path string, body []byte, fault string) (a answer, wait time.Duration, err error) {
	if fault == hangUp {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.moment())
		defer cancel()
	}
	began := time.Now()
	a, wait, err = s.transmit(ctx, method, path, body)
	if fault == duplicate && err == nil && wait < 0 {
		// The second arrival is the one whose answer counts for nobody; but no
		// server may fail at it.
		second, _, secondErr := s.transmit(ctx, method, path, body)
		if secondErr == nil && second.status >= http.StatusInternalServerError && second.status != http.StatusServiceUnavailable {
			err = fmt.Errorf("%s %s came twice, and the second time was answered %d %s", method, path, second.status, second.detail())
		}
	}
	s.mu.Lock()
	s.requests++
	step := Step{Phase: s.current, Method: method, Path: path, Status: a.status, Took: time.Since(began), Fault: fault, Err: err}
	s.mu.Unlock()
	if s.told != nil {
		s.told(step)
	}
	switch {
	case fault == lost && err == nil && wait < 0:
		return answer{}, -1, errOnTheWay
	case fault == hangUp && err != nil:
		time.Sleep(patience)
		return answer{}, -1, errOnTheWay
	}
	return a, wait, err
}

// moment is how long somebody waits who is about to hang up.
func (s *session) moment() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.random.IntN(5000)) * time.Microsecond
}

func (s *session) transmit(ctx context.Context, method, path string, body []byte) (answer, time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, -1, err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Accept", "application/scim+json")
	r.Header.Set("User-Agent", s.agent) // OneLogin sends an empty one (AK-11249)
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return answer{}, -1, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return answer{}, -1, err
	}
	a := answer{status: resp.StatusCode}
	if len(bytes.TrimSpace(text)) > 0 {
		if err := json.Unmarshal(text, &a.body); err != nil {
			return a, -1, fmt.Errorf("%s %s was answered %d with a body that is no JSON object: %w", method, path, a.status, err)
		}
	}
	if a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable {
		return a, retryAfter(resp.Header.Get("Retry-After")), nil
	}
	return a, -1, nil
}

// retryAfter reads a number of seconds, which is all that Okta understands
// (OKTA-FAQ). Nobody waits for longer than a play should take.
func retryAfter(value string) time.Duration {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		n = 1
	}
	return min(time.Duration(n)*time.Second, 10*time.Second)
}

// oneOf names the statuses that would have been right.
func oneOf(statuses []int) string {
	names := make([]string, len(statuses))
	for i, s := range statuses {
		names[i] = strconv.Itoa(s)
	}
	return strings.Join(names, " or ")
}
