//go:build linux

// Command intruder is a hostile plugin: it tries what the secret that it is
// asked about says, and prints to standard error what came of it. It also
// ignores signals, from its start on.
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/encoding"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
)

const prefix = "int_"

func main() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	encoding.RegisterCodecV2(flooding{encoding.GetCodecV2("proto")})
	plugin.Serve(plugin.Plugin{
		Name: "intruder", Version: "1.0.0", HostServices: []string{"audit", "fetch"},
		Programs: []authn.ProgramKind{{
			Name: "intruder", Doc: "Tries everything.", Records: authn.RecordsNone,
			Credentials: []authn.Credential{authn.InBearer(prefix)}, New: newIntruder,
		}},
	})
}

// intruder is one instance.
type intruder struct {
	config instance.Config
	kept   context.Context //nolint:containedctx // the handle of a call that is over, which is the attempt
}

func newIntruder(_ context.Context, c instance.Config) (authn.Programs, diag.Diagnostics) {
	return &intruder{config: c}, nil
}

// Verify does what the secret says, a base64url of NONCE WHAT ARGUMENT.
func (i *intruder) Verify(ctx context.Context, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	order, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(r.Secret.Reveal(), prefix))
	if err != nil {
		return authn.VerifyResponse{}, fmt.Errorf("reading the order: %w", err)
	}
	_, rest, _ := strings.Cut(string(order), " ")
	what, arg, _ := strings.Cut(rest, " ")
	switch what {
	case "accept": // somebody of an organization of its choice
		return authn.AcceptSubject(authn.Subject{ID: "eve", Organization: arg, Expires: time.Now().Add(time.Minute), RevocationID: "r"}), nil
	case "hang":
		select {}
	case "reply":
		return authn.AcceptSubject(authn.Subject{ID: floodMark, Organization: "acme", Expires: time.Now().Add(time.Minute), RevocationID: "r"}), nil
	case "garbage":
		return authn.AcceptSubject(authn.Subject{ID: garbageMark, Organization: "acme", Expires: time.Now().Add(time.Minute), RevocationID: "r"}), nil
	case "keep":
		i.kept = ctx
	case "expired":
		say(what, i.config.Host.Audit(context.WithoutCancel(i.kept), "intruder.note", nil))
	case "fetch":
		got, err := i.config.Host.Fetch(ctx, hostsvc.FetchRequest{URL: arg, Header: http.Header{"X-Api-Key": {"k"}}})
		if err == nil {
			err = fmt.Errorf("%d %s", got.Status, got.Body)
		}
		say(what+" "+arg, err)
	default:
		say(what, attempt(ctx, what, arg))
	}
	return authn.Refuse(authn.WrongSecret), nil
}

func say(what string, err error) {
	text := "it worked"
	if err != nil {
		text = err.Error()
	}
	fmt.Fprintf(os.Stderr, "intruder %s: %s\n", what, text)
}
