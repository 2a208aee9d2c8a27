//go:build linux

package gatehousetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// Result is what a command did.
type Result struct {
	Out, Err string
	Status   int
}

// CLI runs gatehouse with the host's environment, so that it finds the host by
// its socket.
func (h *Host) CLI(args ...string) Result {
	h.tb.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.Command(Binary(), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = h.environment(), &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.tb.Fatal(err)
	}
	return Result{Out: out.String(), Err: errOut.String(), Status: cmd.ProcessState.ExitCode()}
}

// JSON runs a command that must succeed, with --json, and reads its answer.
func (h *Host) JSON(into any, args ...string) {
	h.tb.Helper()
	r := h.CLI(append(slices.Clone(args), "--json")...)
	if r.Status != 0 {
		h.tb.Fatalf("gatehouse %q: status %d: %s", args, r.Status, r.Err)
	}
	if err := json.Unmarshal([]byte(r.Out), into); err != nil {
		h.tb.Fatalf("gatehouse %q: %v in %s", args, err, r.Out)
	}
}

// Key is a client's credential.
type Key struct {
	ID     string // of the key
	Client string
	Secret string
}

// NewKey makes a key, and the client too if the flags say of which
// organization.
func (h *Host) NewKey(client string, flags ...string) Key {
	h.tb.Helper()
	var issued struct {
		Key    admin.Key `json:"key"`
		Secret string    `json:"secret"`
	}
	h.JSON(&issued, append([]string{"keys", "create", client}, flags...)...)
	if issued.Secret == "" {
		h.tb.Fatal("the new key has no secret")
	}
	return Key{ID: issued.Key.ID, Client: client, Secret: issued.Secret}
}

// Revoke revokes a key, and returns once the host has acknowledged it.
func (h *Host) Revoke(k Key) {
	h.tb.Helper()
	var revoked struct {
		Keys []admin.Key `json:"keys"`
	}
	h.JSON(&revoked, "keys", "revoke", k.ID)
	if len(revoked.Keys) != 1 || revoked.Keys[0].State != admin.KeyRevoked {
		h.tb.Fatalf("revoking %s answered %v", k.ID, revoked)
	}
}

// Plugin is what the host says of one of its plugin processes.
func (h *Host) Plugin(name string) admin.Plugin {
	h.tb.Helper()
	var list admin.PluginList
	h.JSON(&list, "plugins", "list")
	for _, p := range list.Plugins {
		if p.Name == name {
			return p
		}
	}
	h.tb.Fatalf("the host has no plugin %q: %v", name, list)
	return admin.Plugin{}
}
