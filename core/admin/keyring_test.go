package admin_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

func TestKeyring(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	list, err := h.dial(t).KeyringKeys(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != "k1" {
		t.Errorf("listed %v, %v", list, err)
	}
	made, err := h.dial(t).RotateKeyring(t.Context(), wire.KeyringRotation{Purpose: "instance", Instance: "apikey"})
	if err != nil || len(made) != 1 || made[0].ID == "" || cmp.Diff([]string{"instance", "apikey"}, []string{made[0].Purpose, made[0].Instance}) != "" {
		t.Errorf("made %v, %v: want the instance's, by the actor", made, err)
	}
	_, token := h.token(t)
	for name, body := range map[string]string{
		"no purpose": `{}`, "no body": "", "now is no truth value": `{"purpose":"all","now":"yes"}`, "a key from outside": `{"purpose":"assertion","key":"AAAA"}`,
	} {
		if res, answer := h.send(t, http.MethodPost, wire.Prefix+"/keyring/rotate", body, with(token)); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s %s", name, res.Status, answer)
		}
	}
}
