package plugintest_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

// closing counts how often instances were closed.
type closing struct {
	*keys
	closed func() error
}

func (c closing) Close() error { return c.closed() }

func TestAnInstanceIsClosedOnce(t *testing.T) {
	t.Parallel()
	made, closed := 0, 0
	h := plugintest.New(t, plugin.Plugin{Name: "closing", Version: "1", Programs: []authn.ProgramKind{
		keysKind(func(k *keys) authn.Programs {
			made++
			return closing{k, func() error {
				closed++
				if closed == 2 {
					panic("canary")
				}
				return errors.New("it would not close")
			}}
		}),
	}})
	ctx := t.Context()
	expect := func(what string, want int) {
		t.Helper()
		if closed != want {
			t.Errorf("%s: %d of %d instances closed, want %d", what, closed, made, want)
		}
	}
	configure(t, h, "keys", goodKeys())
	expect("configured", 0)
	if _, err := h.Validate(ctx, "keys", "keys", goodKeys()); err != nil {
		t.Fatal(err)
	}
	expect("validated", 1)
	configure(t, h, "keys", goodKeys())
	expect("replaced", 2)
	if ds, err := h.Configure(ctx, "keys", "keys", map[string]any{"salt": "short"}); err != nil || !ds.HasErrors() {
		t.Fatal(ds, err)
	}
	expect("a failure closes the new one only", 3)
	for range 2 {
		if err := h.Remove(ctx, "keys"); err != nil {
			t.Fatal(err)
		}
	}
	expect("removed", 4)
}
