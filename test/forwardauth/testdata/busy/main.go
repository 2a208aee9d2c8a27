// Command busy is a plugin that is always asked to come back later.
package main

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

type busy struct{}

func (busy) Verify(context.Context, authn.VerifyRequest) (authn.VerifyResponse, error) {
	return authn.VerifyResponse{}, problem.New(problem.Unavailable, "busy").WithRetryAfter(7 * time.Second)
}

func main() {
	plugin.Serve(plugin.Plugin{
		Name: "busy", Version: "1.0.0",
		Programs: []authn.ProgramKind{{
			Name: "busy", Doc: "Answers nobody.", Records: authn.RecordsNone,
			Credentials: []authn.Credential{authn.InHeaders("X-Client-Id", "X-Client-Secret", "busy_")},
			New:         func(context.Context, instance.Config) (authn.Programs, diag.Diagnostics) { return busy{}, nil },
		}},
	})
}
