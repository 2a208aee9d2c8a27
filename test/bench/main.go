//go:build linux

// Command bench measures Gatehouse beside its floors on one machine and prints
// one table: figure, floor, ratio and goal. `make bench` runs it.
//
// The servers share one core and the load has another, so that requests per
// second are those of a core. Figure and floor are measured in turn, over
// several rounds; a ratio is of one round, since the machine is never quite the
// same twice. Nothing here is a test: no figure fails anything.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		p      plan
		kind   = flag.String("serve", "", "be one of the servers that are measured (the benchmark starts itself so)")
		listen = flag.String("listen", "", "with -serve: the address")
		target = flag.String("target", "", "with -serve: the application's URL")
	)
	flag.StringVar(&p.binary, "gatehouse", "", "the `file` of the host; without it only the floors are measured")
	flag.IntVar(&p.rounds, "rounds", 3, "how often each figure is measured")
	flag.DurationVar(&p.length, "time", 3*time.Second, "how long each run takes")
	flag.IntVar(&p.clients, "clients", 4000, "how many new clients there are in each round")
	flag.IntVar(&p.keys, "keys", 100_000, "how many live keys the largest installation has; 0 leaves growth out")
	flag.IntVar(&p.sessions, "sessions", 100_000, "how many live sessions the largest installation has; 0 leaves them out")
	flag.IntVar(&p.users, "users", 100_000, "how many users the largest connection has; 0 leaves provisioning and plans out")
	flag.StringVar(&p.only, "only", "", "measure only `checks`, signon, provisioning or plans")
	flag.Parse()
	if *kind != "" {
		return serve(*kind, *listen, *target)
	}
	// Where a child runs and when it dies goes by the thread that started it.
	runtime.LockOSThread()
	runtime.GOMAXPROCS(1) // it has one core
	if err := pin(loadCore); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := bench{plan: p, rows: newRows(), signon: newSignonRows(p.sessions), provisioning: newProvisioningRows(p.users), planned: newPlanRows(p.users)}
	err := b.run(ctx)
	if table := printTable(os.Stdout, slices.Concat(b.rows.all(), b.signon.all(), b.provisioning.all(), b.planned.rows())); err == nil {
		err = table
	}
	return err
}
