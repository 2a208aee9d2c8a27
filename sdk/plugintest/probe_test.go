package plugintest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// serveArgument makes the test binary the probe, as a process of its own.
const serveArgument = "serve-probe"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveArgument {
		plugin.Serve(probe())
	}
	if len(os.Args) > 1 && os.Args[1] == servePeopleArgument {
		plugin.Serve(peoplePlugin(soundPeople))
	}
	if len(os.Args) > 1 && os.Args[1] == portalArgument {
		plugin.Serve(portalPlugin(soundPortal))
	}
	os.Exit(m.Run())
}

// probe is a plugin of two kinds: "words" does what the presented text says,
// "keys" is a sound one whose records the host keeps.
func probe() plugin.Plugin {
	return plugin.Plugin{
		Name: "probe", Version: "1.0.0", HostServices: []string{hostsvc.AuditService, hostsvc.FetchService},
		Programs: []authn.ProgramKind{wordsKind(), keysKind(func(k *keys) authn.Programs { return k })},
	}
}

func wordsKind() authn.ProgramKind {
	return authn.ProgramKind{
		Name: "words", Doc: "Does what the credential says.", Records: authn.RecordsNone,
		Credentials: []authn.Credential{authn.InBearer("w_")},
		New: func(_ context.Context, c instance.Config) (authn.Programs, diag.Diagnostics) {
			return &words{host: c.Host, log: func(s string) { c.Logger.Info(s) }}, c.Decode(&struct{}{})
		},
	}
}

// words is an instance that obeys.
type words struct {
	host hostsvc.Host
	log  func(string)
	last context.Context
}

func (w *words) Verify(ctx context.Context, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	verb, rest, _ := strings.Cut(r.Secret.Reveal(), ":")
	switch verb {
	case "good":
		return authn.AcceptSubject(authn.Subject{ID: "u", Organization: "acme", RevocationID: "r"}), nil
	case "env":
		value, ok := os.LookupEnv(rest)
		return authn.AcceptSubject(authn.Subject{ID: value, Organization: fmt.Sprint(ok), RevocationID: "r"}), nil
	case "panic":
		panic(rest)
	case "hang":
		<-ctx.Done()
		return authn.VerifyResponse{}, ctx.Err()
	case "error":
		return authn.VerifyResponse{}, errors.New(rest)
	case "problem":
		return authn.VerifyResponse{}, problem.New(problem.Unavailable, "%s", rest).WithHint("wait")
	case "zero":
		return authn.VerifyResponse{}, nil
	case "log":
		w.log(rest)
	case "audit":
		w.last = ctx
		return authn.Refuse(authn.Revoked), w.host.Audit(ctx, "probe.audited", map[string]string{"word": rest})
	case "fetch":
		resp, err := w.host.HTTPClient(ctx).Post(rest, "text/plain", strings.NewReader("body"))
		if err != nil {
			return authn.VerifyResponse{}, errors.Unwrap(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return authn.AcceptSubject(authn.Subject{ID: resp.Status, Organization: string(text), RevocationID: resp.Header.Get("X-Cookie") + resp.Header.Get("Link")}), err
	case "stale audit":
		stale := context.WithoutCancel(w.last)
		return authn.Refuse(authn.Revoked), w.host.Audit(stale, "probe.stale", nil)
	}
	return authn.Refuse(authn.Malformed), nil
}

func keysKind(change func(*keys) authn.Programs) authn.ProgramKind {
	return authn.ProgramKind{
		Name: "keys", Doc: "Keeps records with the host.", Records: authn.RecordsHost,
		Credentials: []authn.Credential{authn.InHeaders("X-Id", "X-Secret", "pk")},
		Schema: schema.Schema{
			Attributes: []schema.Attribute{
				{Name: "salt", Type: schema.String, Sensitive: true, Required: true, Doc: "Goes into every hash."},
				{Name: "rounds", Type: schema.Number, Default: 1.0, Doc: "How often."},
			},
			Blocks: []schema.Block{{Name: "limit", Repeated: true, Doc: "A limit.", Schema: schema.Schema{
				Attributes: []schema.Attribute{{Name: "rate", Type: schema.Number, Required: true, Doc: "A rate."}},
			}}},
		},
		New: func(_ context.Context, c instance.Config) (authn.Programs, diag.Diagnostics) {
			k := &keys{config: c}
			ds := c.Decode(&k.values)
			if !c.IsUnknown("salt") && len(k.values.Salt) < 12 {
				ds.Errorf(diag.Path{"salt"}, "Salt too short", "It has 12 characters or more.")
			}
			for i, l := range k.values.Limit {
				if l.Rate < 1 {
					ds.Errorf(diag.Path{"limit", fmt.Sprint(i), "rate"}, "Rate too small", "It is 1 or more.")
				}
			}
			return change(k), ds
		},
	}
}

type keys struct {
	config instance.Config
	values struct {
		Salt   string  `json:"salt"`
		Rounds float64 `json:"rounds"`
		Limit  []struct {
			Rate float64 `json:"rate"`
		} `json:"limit"`
	}
}

func (k *keys) mac(id string, text secret.Text) []byte {
	h := hmac.New(sha256.New, k.config.Keys[0].Key)
	_, _ = fmt.Fprintf(h, "%s\x00%s\x00%s", k.values.Salt, id, text.Reveal())
	return h.Sum(nil)
}

func (k *keys) Verify(_ context.Context, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	answer := authn.Refuse(authn.WrongSecret)
	for _, record := range r.Records {
		if hmac.Equal(record.Verifier, k.mac(record.ID, r.Secret)) {
			answer = authn.Accept(record.ID)
		}
	}
	return answer, nil
}

func (k *keys) Issue(_ context.Context, r authn.IssueRequest) (authn.IssueResponse, error) {
	text := secret.Text("pk" + r.RecordID + strings.Repeat("x", 20))
	return authn.IssueResponse{Secret: text, Verifier: k.mac(r.RecordID, text), Hint: "pk…"}, nil
}
