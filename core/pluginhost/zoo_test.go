package pluginhost_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// servePlugin is the main of every plugin of the tests. Their names say what
// they do; those that nobody knows here are well-behaved.
func servePlugin(name string, args []string) {
	folder := "."
	if len(args) > 0 {
		folder = args[0]
	}
	leave(folder, name+".pid", strconv.Itoa(os.Getpid()))
	switch name {
	case "exits":
		fmt.Fprintln(os.Stderr, "the license file is missing")
		os.Exit(3)
	case "mute":
		select {}
	case "talkative":
		fmt.Println("Hello, I am no plugin.")
		select {}
	case "endless":
		for {
			fmt.Print(strings.Repeat("x", 4096))
		}
	case "elsewhere":
		fmt.Println("1|1|tcp|127.0.0.1:1|grpc||true")
		select {}
	case "future", "liar", "noisy-json", "unary":
		serveRaw(name)
	case "provisioner":
		serveProvisioner(folder)
	case "provision-liar":
		serveProvisionLiar()
	case "signon":
		serveSignOn(folder)
	case "signon-liar":
		serveSignOnLiar()
	case "stubborn": // it goes on when its connection ends
		go serveRaw(name)
		select {}
	case "listener": // it does too, but for its standard input
		go serveRaw(name)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	case "environment":
		leave(folder, "environment", strings.Join(os.Environ(), "\n"))
		where, _ := os.Getwd()
		leave(folder, "where", where)
	case "parent":
		child := exec.Command("sleep", "300")
		if err := child.Start(); err != nil {
			panic(err)
		}
		leave(folder, "grandchild.pid", strconv.Itoa(child.Process.Pid))
	case "deaf":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	}
	if strings.HasPrefix(name, "meet-") {
		meet(folder, 5)
	}
	plugin.Serve(plugin.Plugin{Name: name, Version: "1.2.3", HostServices: []string{"audit", "fetch"}, Programs: []authn.ProgramKind{wellBehaved(name)}})
}

func leave(folder, name, text string) {
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err == nil {
		_ = os.Rename(path+".new", path)
	}
}

// meet waits until n processes are here.
func meet(folder string, n int) {
	leave(folder, "here-"+strconv.Itoa(os.Getpid()), "")
	for {
		if found, _ := filepath.Glob(filepath.Join(folder, "here-*")); len(found) >= n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func wellBehaved(name string) authn.ProgramKind {
	return authn.ProgramKind{
		Name: name, Doc: "A kind of the tests.", Records: authn.RecordsHost,
		Schema: schema.Schema{Attributes: []schema.Attribute{
			{Name: "mode", Type: schema.String, Default: "", Doc: "What to do at once."},
			{Name: "token", Type: schema.String, Sensitive: true, Doc: "A secret."},
		}},
		Credentials: []authn.Credential{authn.InHeaders("X-Id", "X-Secret", "")},
		New:         newTestInstance,
	}
}

// testInstance does what the presented secret says.
type testInstance struct{ config instance.Config }

func newTestInstance(ctx context.Context, c instance.Config) (authn.Programs, diag.Diagnostics) {
	var values struct{ Mode, Token string }
	if ds := c.Decode(&values); ds.HasErrors() {
		return nil, ds
	}
	var ds diag.Diagnostics
	switch mode, arg, _ := strings.Cut(values.Mode, " "); mode {
	case "refuse":
		ds.Errorf(diag.Path{"token"}, "The token is not good", "It was %q.", values.Token)
		return nil, ds
	case "warn":
		ds.Warnf(diag.Path{"mode"}, "This is old", "Use another.")
	case "hang":
		<-ctx.Done()
		return nil, ds
	case "die":
		os.Exit(7)
	case "die-after": // the first configuration in a process passes, until the file is there
		if _, err := os.Stat(arg); err == nil {
			os.Exit(7)
		}
	case "refuse-after":
		if _, err := os.Stat(arg); err == nil {
			ds.Errorf(nil, "It does not work any more", "")
			return nil, ds
		}
	}
	c.Logger.Info("configured", "plugin", "somebody else", "answer", 42)
	return &testInstance{c}, ds
}

func (i *testInstance) Verify(ctx context.Context, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	word, arg, _ := strings.Cut(r.Secret.Reveal(), " ")
	switch word {
	case "poison":
		os.Exit(9)
	case "try":
		try(arg)
	case "hang":
		<-ctx.Done()
		return authn.VerifyResponse{}, ctx.Err()
	case "wait-for": // a file, to be in flight until the test says so
		leave(filepath.Dir(arg), "in-flight", "")
		for {
			if _, err := os.Stat(arg); err == nil {
				return authn.Accept("r1"), nil
			}
			time.Sleep(time.Millisecond)
		}
	case "panic":
		panic("secret-in-panic")
	case "crash":
		go func() { panic("secret-in-panic\nsecret-in-second-line") }()
		<-ctx.Done()
	case "stop":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		<-ctx.Done()
	case "shout":
		for n := range 20000 {
			fmt.Println("stdout", n, strings.Repeat("y", 100))
			fmt.Fprintln(os.Stderr, "stderr", n, strings.Repeat("z", 100))
		}
	case "long-line":
		fmt.Println(strings.Repeat("w", 1<<20))
		fmt.Fprintln(os.Stderr, strings.Repeat("v", 1<<20))
	case "complain":
		return authn.VerifyResponse{}, problem.New(problem.Throttled, "the secret %s is bad", r.Secret.Reveal()).WithRetryAfter(time.Minute)
	case "audit":
		return audited(i.config.Host.Audit(ctx, arg, map[string]string{"who": r.ID}))
	case "audit-much":
		return audited(i.config.Host.Audit(ctx, "much", map[string]string{"text": strings.Repeat("x", 2000)}))
	case "fetch":
		got, err := i.config.Host.Fetch(ctx, hostsvc.FetchRequest{
			Method: "POST", URL: arg, Header: http.Header{"X-Api-Key": {"k"}}, Body: bytes.Repeat([]byte("b"), 500<<10), Credentials: []string{"X-Api-Key"}, MaxBytes: 7,
		})
		i.config.Logger.Info("fetched", "status", got.Status, "header", got.Header, "bytes", len(got.Body), "url", got.URL, "cached", got.FromCache)
		return audited(err)
	case "fetch-library":
		return audited(fetchAsALibrary(ctx, i.config.Host, arg))
	case "trace":
		ctx, outer := otel.Tracer("plugin").Start(ctx, "outer")
		_, inner := trace.SpanFromContext(ctx).TracerProvider().Tracer("plugin").Start(ctx, "inner "+strings.Repeat("x", 100))
		inner.SetAttributes(attribute.Int("n", 1))
		inner.End()
		outer.End()
		return authn.Accept("r1"), nil
	case "right":
		return authn.Accept(r.Records[0].ID), nil
	}
	return authn.Refuse(authn.WrongSecret), nil
}

// fetchAsALibrary makes a request as a library would that knows nothing of hosts.
func fetchAsALibrary(ctx context.Context, host hostsvc.Host, address string) error {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "library")
	resp, err := host.HTTPClient(ctx).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if want := "answer"; err != nil || string(body) != want || resp.StatusCode != 200 || resp.Request.URL.Path != "/end" {
		return fmt.Errorf("got %d %q from %s, %w", resp.StatusCode, body, resp.Request.URL, err)
	}
	return nil
}

func audited(err error) (authn.VerifyResponse, error) {
	if err != nil {
		var p *problem.Problem
		if errors.As(err, &p) {
			return authn.VerifyResponse{}, problem.New(problem.Unavailable, "audit: %s: %s", p.Code, p.Detail)
		}
		return authn.VerifyResponse{}, err
	}
	return authn.Accept("r1"), nil
}

func (i *testInstance) Issue(_ context.Context, r authn.IssueRequest) (authn.IssueResponse, error) {
	switch r.ClientID {
	case "poison":
		os.Exit(9)
	case "plain":
		return authn.IssueResponse{Secret: "abc-def", Verifier: []byte("sha:abc-def"), Hint: "a"}, nil
	}
	return authn.IssueResponse{Secret: secret.Text("new-" + r.RecordID), Verifier: []byte("hash"), Hint: "new"}, nil
}
