// Command application runs the demonstration application.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gatehouse-id/gatehouse/examples/application"
	"github.com/gatehouse-id/gatehouse/sdk/identity"
)

const drain = 10 * time.Second // for requests in flight at the end

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "application:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	listen := flag.String("listen", env("APPLICATION_LISTEN", "127.0.0.1:9000"), "address to listen on (APPLICATION_LISTEN)")
	issuer := flag.String("issuer", env("GATEHOUSE_ISSUER", "http://127.0.0.1:8080"), "public_url of Gatehouse (GATEHOUSE_ISSUER)")
	audience := flag.String("audience", env("GATEHOUSE_AUDIENCE", "app"), "label of our upstream block (GATEHOUSE_AUDIENCE)")
	jwks := flag.String("jwks-url", env("GATEHOUSE_JWKS_URL", ""), "where the keys are, by default under the issuer (GATEHOUSE_JWKS_URL)")
	flag.Parse()

	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	v, err := identity.New(identity.Options{Issuer: *issuer, Audience: *audience, JWKSURL: *jwks, Logger: log})
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr: *listen, Handler: application.Handler(v),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	log.InfoContext(ctx, "listening", "address", *listen, "issuer", *issuer, "audience", *audience)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		return server.Close() // streams do not end by themselves
	}
	return nil
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
