package admin_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

func TestAChangeSaysWhatStaysAndWhatGoes(t *testing.T) {
	t.Parallel()
	end := time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		change admin.ClientChange
		want   string
	}{
		"nothing":        {admin.ClientChange{}, `{}`},
		"a name":         {admin.ClientChange{Name: admin.To("x")}, `{"name":"x"}`},
		"a name to none": {admin.ClientChange{Name: admin.To("")}, `{"name":null}`},
		"roles":          {admin.ClientChange{Roles: admin.To([]string{"a"})}, `{"roles":["a"]}`},
		"roles to none":  {admin.ClientChange{Roles: admin.To([]string{})}, `{"roles":null}`},
		"scopes to nil":  {admin.ClientChange{Scopes: admin.To[[]string](nil)}, `{"scopes":null}`},
		"an end":         {admin.ClientChange{ExpiresAt: admin.To(end)}, `{"expires_at":"2027-06-30T00:00:00Z"}`},
		"no end":         {admin.ClientChange{ExpiresAt: admin.To(time.Time{})}, `{"expires_at":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(tt.change)
			if err != nil || string(got) != tt.want {
				t.Fatalf("%s, %v, want %s", got, err, tt.want)
			}
			var back admin.ClientChange
			if err := json.Unmarshal(got, &back); err != nil || back.IsZero() != (tt.want == `{}`) {
				t.Errorf("back: %+v, %v", back, err)
			}
			if again, err := json.Marshal(back); err != nil || string(again) != tt.want {
				t.Errorf("%s, %v, want %s", again, err, tt.want)
			}
		})
	}
}
