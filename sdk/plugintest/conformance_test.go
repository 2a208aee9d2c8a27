package plugintest_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func keysFixture() plugintest.Fixture {
	return plugintest.Fixture{
		Kind: "keys", Config: goodKeys(),
		BadConfigs: map[string]plugintest.BadConfig{
			"a short salt": {Values: map[string]any{"salt": "canary-salt"}, Path: diag.Path{"salt"}},
			"a rate of nothing": {
				Values: map[string]any{"salt": "canary of salt", "limit": []any{map[string]any{"rate": 0}}},
				Path:   diag.Path{"limit", "0", "rate"},
			},
		},
		Bad: map[string]plugintest.BadCredential{
			"wrong": {Request: authn.VerifyRequest{Secret: "pkwrong"}, Reason: authn.WrongSecret},
		},
	}
}

func TestConformanceOfSoundPlugins(t *testing.T) {
	t.Parallel()
	words := plugintest.Fixture{
		Kind: "words", Good: []authn.VerifyRequest{{Secret: "good"}},
		Bad: map[string]plugintest.BadCredential{"no word": {Request: authn.VerifyRequest{Secret: "x"}, Reason: authn.Malformed}},
	}
	for _, f := range []plugintest.Fixture{keysFixture(), words} {
		t.Run(f.Kind, func(t *testing.T) {
			t.Parallel()
			plugintest.Run(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, probe()) }, f)
		})
	}
}

func TestConformanceOfASoundBinary(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) *plugintest.Harness { return plugintest.Exec(t, os.Args[0], serveArgument) }
	plugintest.Run(t, start, keysFixture())
}

// defective is the sound plugin with a Verify or an Issue of another make.
type defective struct {
	*keys
	verify func(k *keys, r authn.VerifyRequest) (authn.VerifyResponse, error)
	issue  func(k *keys, r authn.IssueRequest) (authn.IssueResponse, error)
}

func (d defective) Verify(ctx context.Context, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	if d.verify == nil {
		return d.keys.Verify(ctx, r)
	}
	return d.verify(d.keys, r)
}

func (d defective) Issue(ctx context.Context, r authn.IssueRequest) (authn.IssueResponse, error) {
	if d.issue == nil {
		return d.keys.Issue(ctx, r)
	}
	return d.issue(d.keys, r)
}

type verifyFunc = func(k *keys, r authn.VerifyRequest) (authn.VerifyResponse, error)

// defects are plugins with one mistake each, and the part of the suite that
// has to find it.
func defects() map[string]struct {
	part string
	kind authn.ProgramKind
} {
	verifying := func(f verifyFunc) authn.ProgramKind {
		return keysKind(func(k *keys) authn.Programs { return defective{keys: k, verify: f} })
	}
	sound := func(k *keys, r authn.VerifyRequest) (authn.VerifyResponse, error) {
		return k.Verify(context.Background(), r)
	}
	making := func(f func(ctx context.Context, c instance.Config, ds *diag.Diagnostics)) authn.ProgramKind {
		kind := keysKind(func(k *keys) authn.Programs { return k })
		inner := kind.New
		kind.New = func(ctx context.Context, c instance.Config) (authn.Programs, diag.Diagnostics) {
			p, ds := inner(ctx, c)
			f(ctx, c, &ds)
			return p, ds
		}
		return kind
	}
	var calls sync.Map
	return map[string]struct {
		part string
		kind authn.ProgramKind
	}{
		"it accepts the first record": {"unknown_records", verifying(func(_ *keys, r authn.VerifyRequest) (authn.VerifyResponse, error) {
			return authn.Accept(r.Records[0].ID), nil
		})},
		"it looks at the first record only": {"credentials", verifying(func(k *keys, r authn.VerifyRequest) (authn.VerifyResponse, error) {
			r.Records = r.Records[:1]
			return sound(k, r)
		})},
		"no record is an error": {"unknown_records", verifying(func(k *keys, r authn.VerifyRequest) (authn.VerifyResponse, error) {
			if len(r.Records) == 0 {
				return authn.VerifyResponse{}, errors.New("no record")
			}
			return sound(k, r)
		})},
		"it panics at an empty secret": {"hostile_input", verifying(func(k *keys, r authn.VerifyRequest) (authn.VerifyResponse, error) {
			_ = r.Secret[0]
			return sound(k, r)
		})},
		"it answers every second time": {"credentials", verifying(func(k *keys, r authn.VerifyRequest) (authn.VerifyResponse, error) {
			if _, again := calls.LoadAndDelete(r.Secret); again {
				return authn.Refuse(authn.WrongSecret), nil
			}
			calls.Store(r.Secret, true)
			return sound(k, r)
		})},
		"the secret is in its error": {"secrets_are_not_shown", verifying(func(k *keys, r authn.VerifyRequest) (authn.VerifyResponse, error) {
			if resp, _ := sound(k, r); resp.Reason == 0 {
				return resp, nil
			}
			return authn.VerifyResponse{}, fmt.Errorf("no record of %s", r.Secret.Reveal())
		})},
		"the key is in its log": {"secrets_are_not_shown", making(func(_ context.Context, c instance.Config, _ *diag.Diagnostics) {
			if len(c.Keys) > 0 {
				c.Logger.Info("made", "key", c.Keys[0].Key)
			}
		})},
		"the value is in its diagnostic": {"secrets_are_not_shown", making(func(_ context.Context, c instance.Config, ds *diag.Diagnostics) {
			if ds.HasErrors() {
				ds.Warnf(nil, "Look", "This was given: %s", c.Values)
			}
		})},
		"it leaks a goroutine": {"nothing_is_left_after_Remove", making(func(context.Context, instance.Config, *diag.Diagnostics) {
			go func() { select {} }()
		})},
		"its diagnostic is about nothing": {"bad_configurations_are_refused", making(func(_ context.Context, _ instance.Config, ds *diag.Diagnostics) {
			if ds.HasErrors() {
				ds.Errorf(diag.Path{"pepper"}, "Not in the schema", "No.")
			}
		})},
		"it needs keys to validate": {"validating_changes_nothing", making(func(_ context.Context, c instance.Config, _ *diag.Diagnostics) {
			_ = c.Keys[0]
		})},
		"it complains of the unknown": {"validating_changes_nothing", making(func(_ context.Context, c instance.Config, ds *diag.Diagnostics) {
			if !strings.Contains(string(c.Values), "salt") {
				ds.Errorf(diag.Path{"salt"}, "Missing", "It is needed.")
			}
		})},
		"it takes what it does not know": {"a_value_that_does_not_fit_the_schema_is_no_panic", func() authn.ProgramKind {
			kind := keysKind(func(k *keys) authn.Programs { return k })
			inner := kind.New
			kind.New = func(ctx context.Context, c instance.Config) (authn.Programs, diag.Diagnostics) {
				c.Values = []byte(strings.ReplaceAll(string(c.Values), `"no_such_attribute":"x",`, ""))
				return inner(ctx, c)
			}
			return kind
		}()},
		"it makes keys of its own": {"a_restart", keysKind(func(k *keys) authn.Programs {
			k.config.Keys = []instance.Key{{ID: "own", Key: []byte(rand.Text())}}
			return k
		})},
		"it issues nothing to recognise": {"credentials", keysKind(func(k *keys) authn.Programs {
			return defective{keys: k, issue: func(*keys, authn.IssueRequest) (authn.IssueResponse, error) {
				return authn.IssueResponse{Secret: secret.Text("pkx"), Verifier: []byte("x")}, nil
			}}
		})},
	}
}

// defectVariable says which defect a second run of this test binary has.
const defectVariable = "PLUGINTEST_DEFECT"

// TestTheSuiteFindsDefects runs the suite in a process of its own, where it is
// allowed to fail.
func TestTheSuiteFindsDefects(t *testing.T) {
	if name := os.Getenv(defectVariable); name != "" {
		p := plugin.Plugin{Name: "defective", Version: "1", Programs: []authn.ProgramKind{defects()[name].kind}}
		plugintest.Run(t, func(t *testing.T) *plugintest.Harness { return plugintest.New(t, p) }, keysFixture())
		return
	}
	for name, defect := range defects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern := "^TestTheSuiteFindsDefects$/^" + defect.part + "$"
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.count=1")
			cmd.Env = append(os.Environ(), defectVariable+"="+name)
			out, err := cmd.CombinedOutput()
			want := "--- FAIL: TestTheSuiteFindsDefects/" + defect.part
			if err == nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "panic:") {
				t.Errorf("error %v, want %q in:\n%s", err, want, out)
			}
		})
	}
}
