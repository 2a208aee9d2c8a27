package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/config"
)

// A client that is past its end is told of with its place, and breaks nothing:
// what was a configuration yesterday is one today.
func TestClientThatHasEnded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	const declared = "organization \"acme\" {\n}\nauthenticator \"apikey\" {\n}\nclient \"reports\" {\n  organization = \"acme\"\n  expires_at   = %s\n}\n"
	for name, tt := range map[string]struct {
		end  string
		now  time.Time
		want string // in the report; "" is an empty one
	}{
		"later":               {`"2026-11-26T12:00:01Z"`, now, ""},
		"this very moment":    {`"2026-11-26T12:00:00Z"`, now, "on x.hcl line 7, in client \"reports\""},
		"long ago":            {`"2020-01-01T00:00:00Z"`, now, "Warning: Client has ended [CFG023]"},
		"in another zone":     {`"2026-11-26T13:00:00+02:00"`, now, "CFG023"},
		"nobody says the day": {`"2020-01-01T00:00:00Z"`, time.Time{}, ""},
		"no time":             {`"2020-01-01"`, now, "Error: Not a time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, r := config.Load(one(fmt.Sprintf(declared, tt.end)), config.Options{Dev: true, Now: tt.now})
			got := text(t, r)
			if !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("it says:\n%s", got)
			}
			if wrong := strings.Contains(tt.want, "Error"); r.HasErrors() != wrong || !wrong && len(c.Clients) != 1 {
				t.Errorf("errors %v, clients %v", r.HasErrors(), c.Clients)
			}
		})
	}
}
