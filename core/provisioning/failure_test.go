package provisioning_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/provisioning"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// deaf is an IdP that does not take its answer.
type deaf struct{ *httptest.ResponseRecorder }

func (deaf) Write([]byte) (int, error) { return 0, errors.New("the connection was closed") }

// What a provisioner fails is counted and logged with its name; what is the IdP's
// own doing is not counted.
func TestWhoHasFailed(t *testing.T) {
	w := lite(t)
	_, text := w.token(t, "acme-okta")
	fails := func(err error) func(context.Context, provisioning.Request) (*provisioning.Response, error) {
		return func(context.Context, provisioning.Request) (*provisioning.Response, error) { return nil, err }
	}
	reads := func(_ context.Context, r provisioning.Request) (*provisioning.Response, error) {
		if _, err := io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		return answered(http.StatusOK, "{}"), nil
	}
	breaksOff := func(context.Context, provisioning.Request) (*provisioning.Response, error) {
		res := answered(http.StatusOK, "")
		res.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), &failing{}))
		return res, nil
	}
	for name, c := range map[string]struct {
		handle  func(context.Context, provisioning.Request) (*provisioning.Response, error)
		body    io.Reader
		deaf    bool
		gone    bool
		counted bool
	}{
		"an answer that cannot be used":  {handle: fails(problem.New(problem.Internal, "it lied")), counted: true},
		"no answer":                      {handle: fails(problem.New(problem.Unavailable, "it died")), counted: true},
		"an answer that breaks off":      {handle: breaksOff, counted: true},
		"a refusal":                      {handle: fails(problem.New(problem.NotFound, "nothing here"))},
		"an answer":                      {handle: reads},
		"a request that breaks off":      {handle: reads, body: io.MultiReader(strings.NewReader("{"), iotest.ErrReader(io.ErrUnexpectedEOF))},
		"an answer that nobody takes":    {handle: reads, deaf: true},
		"a request that is taken back":   {handle: fails(problem.New(problem.DeadlineExceeded, "nobody waits")), gone: true},
		"an answer to somebody who left": {handle: breaksOff, gone: true},
	} {
		t.Run(name, func(t *testing.T) {
			w.failed = nil
			w.logged.Reset()
			w.plugins.handle = c.handle
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/scim/v2/Users", c.body)
			r.Header.Set("Authorization", "Bearer "+text.Reveal())
			rec := http.ResponseWriter(httptest.NewRecorder())
			if c.deaf {
				rec = deaf{httptest.NewRecorder()}
			}
			if c.gone {
				was := c.handle
				w.plugins.handle = func(ctx context.Context, r provisioning.Request) (*provisioning.Response, error) {
					cancel()
					return was(ctx, r)
				}
			}
			func() {
				defer func() {
					if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // a panic's value
						panic(v)
					}
				}()
				w.mount.ServeHTTP(rec, r)
			}()
			var want []string
			if c.counted {
				want = []string{"acme-okta/scim"}
			}
			if diff := cmp.Diff(want, w.failed); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
			if log := w.logged.String(); c.counted && !strings.Contains(log, "connection=acme-okta provisioner=acme-okta/scim method=POST") {
				t.Errorf("the log says %q", log)
			}
		})
	}
}
