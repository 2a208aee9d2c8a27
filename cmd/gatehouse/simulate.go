package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/secret"
	"github.com/gatehouse-id/gatehouse/test/simulate"
)

// simulateGroup are the identity providers that are played. The one that pushes can go
// without its name: gatehouse simulate okta.
type simulateGroup struct {
	SCIM simulateCommand    `cmd:"" default:"withargs" name:"scim" help:"Play an identity provider that pushes its people to a SCIM server."`
	IDP  simulateIDPCommand `cmd:"" name:"idp" help:"Run a small identity provider that people sign on with, on this machine."`
}

func (simulateGroup) Help() string {
	return `The name scim can be left out: gatehouse simulate okta is gatehouse simulate scim okta.

    gatehouse simulate entra --url https://app.example.com/scim/v2
    gatehouse simulate idp --host https://app.example.com`
}

type simulateCommand struct {
	Provider string      `arg:"" help:"Which product is played: okta, okta-oin, entra, entra-062020, onelogin, ping or jumpcloud."`
	URL      string      `name:"url" required:"" env:"GATEHOUSE_SCIM_URL" placeholder:"URL" help:"The SCIM server, such as https://app.example.com/scim/v2."`
	Token    secret.Text `required:"" env:"GATEHOUSE_SCIM_TOKEN" placeholder:"TOKEN" help:"What is sent as a bearer token; better in the environment, where nobody else sees it."`
	Users    int         `default:"20" help:"How many people there are."`
	Groups   int         `default:"4" help:"How many groups they are in."`
	Seed     uint64      `default:"1" help:"The same seed plays the same people and faults."`
	Domain   string      `default:"corp.example" help:"Of the people's addresses."`
	Parallel int         `default:"4" help:"How many requests run at once; 1 keeps their order."`

	Duplicates float64 `placeholder:"SHARE" help:"Share of the requests that arrive twice, from 0 to 1."`
	HangUps    float64 `placeholder:"SHARE" help:"Share of those that are given up before the answer, and begun again."`
	Lost       float64 `placeholder:"SHARE" help:"Share of those whose answer does not arrive, and that are repeated."`

	Keep    bool `help:"Leave the people there at the end."`
	Verbose bool `short:"v" help:"Show every request."`
	output
}

func (simulateCommand) Help() string {
	var list string
	known := simulate.Providers()
	for _, name := range slices.Sorted(maps.Keys(known)) {
		list += fmt.Sprintf("    %-13s %s\n", name, known[name])
	}
	return `Plays an identity provider that provisions a directory to a SCIM server: tests the connection, sends everybody, changes profiles, moves people between groups, deactivates, brings back and deletes, in the shapes that the product really sends. After each phase the server is asked whether it has what the provider has. The exit status is 3 if it has not.

` + list + `
    gatehouse simulate scim entra --url https://app.example.com/scim/v2
    gatehouse simulate scim okta --users 500 --lost 0.05 --duplicates 0.05 --verbose`
}

// Run plays, and tells of every difference.
func (c *simulateCommand) Run(ctx context.Context, t *terminal) error {
	for _, share := range []float64{c.Duplicates, c.HangUps, c.Lost, c.Duplicates + c.HangUps + c.Lost} {
		if share < 0 || share > 0.9 {
			return usagef("the shares of faults are between 0 and 0.9, also together")
		}
	}
	report, err := simulate.Run(ctx, simulate.Options{
		Provider: c.Provider, URL: c.URL, Token: c.Token.Reveal(), Users: c.Users, Groups: c.Groups, Seed: c.Seed,
		Domain: c.Domain, Parallel: c.Parallel, Keep: c.Keep, Told: c.told(t),
		Faults: simulate.Faults{Duplicates: c.Duplicates, HangUps: c.HangUps, Lost: c.Lost},
	})
	if report.Provider == "" {
		return usageError{err}
	}
	if printErr := c.print(t, report); printErr != nil {
		return printErr
	}
	if err == nil && len(report.Differences) > 0 {
		return errWrong
	}
	return err
}

// told shows each request, or how many there were.
func (c *simulateCommand) told(t *terminal) func(simulate.Step) {
	var mu sync.Mutex
	n := 0
	return func(s simulate.Step) {
		mu.Lock()
		defer mu.Unlock()
		n++
		switch {
		case c.Verbose:
			status, fault := strconv.Itoa(s.Status), ""
			if s.Status == 0 {
				status = "---"
			}
			if s.Fault != "" {
				fault = "  (" + s.Fault + ")"
			}
			_, _ = fmt.Fprintf(t.err, "%s %6s  %-6s %s%s\n", status, s.Took.Round(100*time.Microsecond), s.Method, s.Path, fault)
		case t.color && n%10 == 0:
			_, _ = fmt.Fprintf(t.err, "%-28s %d requests\r", s.Phase, n)
		}
	}
}

func (c *simulateCommand) print(t *terminal, r simulate.Report) error {
	if c.JSON {
		return t.printJSON(r)
	}
	rows := make([][]string, 0, len(r.Phases))
	for _, p := range r.Phases {
		state := "as it should be"
		switch {
		case p.Failed:
			state = "failed: see below"
		case p.Differences > 0:
			state = fmt.Sprintf("%d differences", p.Differences)
		}
		rows = append(rows, []string{p.Name, strconv.Itoa(p.Requests), p.Took.Round(time.Millisecond).String(), state})
	}
	if err := t.table([]column{{title: "PHASE"}, {title: "REQUESTS"}, {title: "TOOK"}, {title: "SERVER"}}, rows); err != nil {
		return err
	}
	const most = 20
	for i, d := range r.Differences {
		if i == most {
			return t.printf("  and %d more\n", len(r.Differences)-most)
		}
		if err := t.printf("  %s\n", d); err != nil {
			return err
		}
	}
	return nil
}
