//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// errDied marks a call during which the process ended.
var errDied = errors.New("the plugin's process ended during the call")

// settle is how long a broken connection may precede the end of its process.
const settle = 250 * time.Millisecond

// retrySoon is what callers are told while a plugin restarts.
const retrySoon = time.Second

// failure makes a problem of what a call returned.
func (p *process) failure(ctx context.Context, err error) error {
	var own *problem.Problem
	if errors.As(err, &own) {
		return own
	}
	if ctx.Err() != nil {
		return problem.Wrap(ctx.Err(), problem.DeadlineExceeded, "plugin %q did not answer in time", p.plugin).WithRetryAfter(retrySoon)
	}
	if sent, ok := problem.FromGRPC(err); ok {
		return boundedProblem(sent)
	}
	code := status.Code(err)
	if isOver(p) || code == codes.Unavailable && p.endsSoon(ctx) {
		return died(p.plugin)
	}
	switch code {
	case codes.Unavailable:
		return problem.Wrap(boundedStatus(err), problem.Unavailable, "plugin %q cannot be reached", p.plugin).WithRetryAfter(retrySoon)
	case codes.DeadlineExceeded, codes.Canceled:
		return problem.Wrap(boundedStatus(err), problem.DeadlineExceeded, "plugin %q gave up", p.plugin).WithRetryAfter(retrySoon)
	case codes.Unimplemented:
		return problem.Wrap(boundedStatus(err), problem.Unsupported, "plugin %q does not do this", p.plugin)
	}
	return problem.Wrap(boundedStatus(err), problem.Unavailable, "plugin %q failed", p.plugin).WithRetryAfter(retrySoon)
}

// longestRetry bounds when a plugin says that its IdP may be asked again.
const longestRetry = 24 * time.Hour

// passFailure is failure of a part of a pass. Nobody outside sees it: the operator
// does, and needs the plugin's words and its hint. Changed says that the cursor
// leads nowhere.
func (p *process) passFailure(ctx context.Context, err error) error {
	sent, ok := problem.FromGRPC(err)
	if !ok || ctx.Err() != nil {
		return p.failure(ctx, err)
	}
	code := sent.Code
	if !knownCodes[code] && code != problem.Changed {
		code = problem.Unavailable
	}
	words := func(text string) string {
		return cut(strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, text), 512)
	}
	return problem.New(code, "%s", words(sent.Detail)).WithHint("%s", words(sent.Hint)).WithRetryAfter(min(max(sent.RetryAfter, 0), longestRetry))
}

func died(plugin string) error {
	return problem.Wrap(errDied, problem.Unavailable, "plugin %q is starting again", plugin).WithRetryAfter(retrySoon)
}

// lied makes a problem of an answer that breaks the contract.
func (p *process) lied(method string, err error) error {
	return problem.Wrap(err, problem.Internal, "plugin %q answered %s in a way that cannot be used", p.plugin, method)
}

// endsSoon waits a moment for the end of the process whose connection broke.
func (p *process) endsSoon(ctx context.Context) bool {
	wait := time.NewTimer(settle)
	defer wait.Stop()
	select {
	case <-p.ended():
		return true
	case <-ctx.Done():
	case <-wait.C:
	}
	return false
}

// boundedStatus keeps of a status what a log can show.
func boundedStatus(err error) error {
	st, _ := status.FromError(err)
	return errors.New(st.Code().String() + ": " + cut(strings.ToValidUTF8(st.Message(), "?"), 512))
}

// withoutSecrets drops a cause that repeats one of the secrets that the call
// carried.
func withoutSecrets(err error, secrets ...string) error {
	var p *problem.Problem
	if !errors.As(err, &p) {
		return err
	}
	for _, s := range secrets {
		if len(s) >= redactLimit && strings.Contains(err.Error(), s) {
			return problem.New(p.Code, "%s", p.Detail).WithRetryAfter(p.RetryAfter)
		}
	}
	return err
}
