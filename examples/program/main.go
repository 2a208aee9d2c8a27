// Command program calls an application behind Gatehouse and prints the answer.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/client"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const maxAnswer = 1 << 20 // bytes

func main() {
	provider := flag.String("provider", "demo", "provider to ask")
	model := flag.String("model", "small", "model to ask")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: program [flags] QUERY\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	body := map[string]string{"query": flag.Arg(0), "provider": *provider, "model": *model}
	if err := run(ctx, os.Stdout, body); err != nil {
		fmt.Fprintln(os.Stderr, "program:", err)
		if hint := problem.As(err).Hint; hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", hint)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, body map[string]string) error {
	o, err := client.FromEnv()
	if err != nil {
		return err
	}
	c, err := client.New(o)
	if err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	url := strings.TrimSuffix(o.BaseURL, "/") + "/api/v1/query/execute"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := client.Problem(resp); err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(resp.Body, maxAnswer))
	return err
}
