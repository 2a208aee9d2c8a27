// Package host assembles the house: it starts the rooms in order, serves, and
// stops them in reverse. What a room needs from another it is handed here.
package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/blob"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Options say what to run.
type Options struct {
	ConfigPath string // folder of *.hcl files, or one file; empty in development is the embedded configuration
	Data       string // folder of the admin socket and the plugins' sockets, in development also of the store
	Dev        bool
	Version    string
	Bundled    []string // kinds of plugins in our own binary
	Env        func(name string) (string, bool)
	Listen     string           // in place of server.listen, if not empty
	Reload     <-chan os.Signal // each asks to take the configuration anew; may be nil
	Logger     *slog.Logger
	Out        io.Writer // what people read: diagnostics, and in development what to try
	Width      int       // of Out, in columns; 0 does not wrap
	Color      bool

	// Demo makes the demonstration application, in development.
	Demo func(issuer, audience string) (http.Handler, error)
}

// ErrConfiguration says that the configuration is wrong; what is wrong with it
// has been written to Out.
var ErrConfiguration = errors.New("the configuration is wrong, and nothing was changed")

// Run serves until ctx ends, then drains.
func Run(ctx context.Context, o Options) (err error) {
	var end closers
	defer func() { err = errors.Join(err, end.close()) }()
	if o.Listen != "" && !config.ValidAddress(o.Listen) {
		return problem.New(problem.Invalid, "--listen or GATEHOUSE_LISTEN says %q, which is no address to listen on", o.Listen).
			WithHint("it is %s", config.AddressRule)
	}
	source, err := o.source() // before anything is made for it
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	demo, err := o.startDemo(ctx, &end)
	if err != nil {
		return err
	}
	c, report := o.load(source, false)
	if report.HasErrors() {
		return o.refuseAll(ctx, source, c, report)
	}
	s, err := o.openStore(ctx, c, &end)
	if err != nil {
		return err
	}
	if source, c, report, err = o.inForce(ctx, s, source, c, report); err != nil {
		return err
	}
	h := &house{Options: o, boot: c, store: s, clock: time.Now, random: rand.Reader, started: time.Now(), demo: demo, registry: newRegistry(), planning: make(chan struct{}, 1)}
	s.Observe(newStoreMetrics(h.registry))
	if err := h.state(ctx, &end); err != nil {
		return err
	}
	seen := newPluginMetrics(h.registry)
	if err := h.newFetch(seen, &end); err != nil {
		return err
	}
	if err := h.trace(ctx, &end); err != nil {
		return err
	}
	services := pluginhost.Options{
		Audit: auditSink{h}, Fetch: fetcher{h.fetch}, Directory: directoryService{h},
		Once: onceService{h.once}, Blobs: stateService{blob.New(h.store, h.keyring, h.clock)}, Keys: keysService{h.keyring},
		Observer: seen, Tracer: h.tracer,
	}
	if h.plugins, err = o.newPlugins(o.Data, services, &end); err != nil {
		return err
	}
	h.measure()
	p, _, err := o.examine(ctx, source, c, report, h.plugins)
	if err != nil {
		return err
	}
	if report.HasErrors() {
		return o.refuse(report)
	}
	if n := report.Len(); n > 0 {
		o.Logger.WarnContext(ctx, "the configuration has warnings", "warnings", n, "hint", "gatehouse validate shows them, each with its place")
	}
	if err := h.furnish(ctx, p, &end); err != nil {
		return err
	}
	return h.serve(ctx)
}

// Validate looks at a configuration without running it, and changes nothing.
// With allowUnset, environment variables and files that are not there are taken
// as values that are not known.
func Validate(ctx context.Context, o Options, allowUnset bool) (*config.Report, error) {
	source, err := o.source()
	if err != nil {
		return nil, err
	}
	c, report := o.load(source, allowUnset)
	return report, o.examineAlone(ctx, source, c, report)
}

// examineAlone adds the complaints of plugins and policy to a report, with
// plugins that are started for that only.
func (o Options) examineAlone(ctx context.Context, source config.Source, c *config.Config, report *config.Report) (err error) {
	var end closers
	defer func() { err = errors.Join(err, end.close()) }()
	plugins, err := o.newPlugins("", pluginhost.Options{}, &end)
	if err != nil {
		return err
	}
	_, _, err = o.examine(ctx, source, c, report, plugins)
	return err
}

// refuseAll refuses a frame with mistakes, after everybody else has had a look:
// all mistakes come at once.
func (o Options) refuseAll(ctx context.Context, source config.Source, c *config.Config, report *config.Report) error {
	return errors.Join(o.examineAlone(ctx, source, c, report), o.refuse(report))
}

// refuse writes what is wrong and says so.
func (o Options) refuse(report *config.Report) error {
	if err := report.WriteText(o.Out, o.Width, o.Color); err != nil {
		return err
	}
	return ErrConfiguration
}

func (o Options) openStore(ctx context.Context, c *config.Config, end *closers) (*store.Store, error) {
	url := c.Store.URL.Reveal()
	if url == "" {
		url = "sqlite://" + filepath.Join(o.Data, "gatehouse.db")
	}
	s, err := store.Open(ctx, store.Options{URL: url, Logger: o.Logger.With("room", "store")})
	if err != nil {
		return nil, err
	}
	end.add(s.Close)
	return s, s.Migrate(ctx)
}

// inForce decides which configuration runs. With PostgreSQL that is the
// store's latest revision, so that a node with old files does not undo a newer
// one; only `gatehouse apply` makes a new one.
func (o Options) inForce(ctx context.Context, s *store.Store, source config.Source, c *config.Config, report *config.Report) (config.Source, *config.Config, *config.Report, error) {
	if s.Dialect() == store.SQLite {
		return source, c, report, nil
	}
	last, ok, err := latest(ctx, s)
	if err != nil || !ok || last.digest == source.Digest() {
		return source, c, report, err
	}
	o.Logger.WarnContext(ctx, "the files differ from the configuration in force, which stays: take them with gatehouse apply", "revision", last.number)
	c, report = o.load(last.source, false)
	if report.HasErrors() {
		err = o.refuse(report)
	}
	return last.source, c, report, err
}

// newPlugins makes the plugin host, with the services and the observers that are
// given; nothing is started yet. Without a data
// folder its sockets are in a temporary one: a host that runs keeps its own.
func (o Options) newPlugins(data string, with pluginhost.Options, end *closers) (*pluginhost.Host, error) {
	bundled, stage, err := self()
	if err != nil {
		return nil, err
	}
	dir, remove, err := runDir(data)
	if err != nil {
		return nil, err
	}
	end.add(remove)
	with.Logger, with.Random, with.RunDir, with.Self, with.Launch = o.Logger, rand.Reader, dir, bundled, stage
	with.Version, with.Environ, with.TraceID = o.Version, os.Environ(), tracing.ID
	plugins, err := pluginhost.New(with)
	if err != nil {
		return nil, err
	}
	end.add(func() error { return within(10*time.Second, plugins.Close) })
	return plugins, nil
}

// runDirLimit leaves room for a socket's own name in the 108 bytes of a Unix
// socket's path.
const runDirLimit = 50

// runDir makes the folder of the plugins' sockets: below data, or where that is
// too long for a socket's path, below the system's temporary folder.
func runDir(data string) (dir string, remove func() error, err error) {
	dir, err = filepath.Abs(filepath.Join(data, "run"))
	if err != nil {
		return "", nil, err
	}
	if data != "" && len(dir) <= runDirLimit {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", nil, fmt.Errorf("making the plugins' folder: %w", err)
		}
		return dir, func() error { return nil }, nil
	}
	dir, err = os.MkdirTemp("", "gatehouse-")
	if err != nil {
		return "", nil, fmt.Errorf("making the plugins' folder: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// within runs the end of something with a time limit of its own: the context
// that it began with has ended by then.
func within(limit time.Duration, end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return end(ctx)
}

// closers are what was started, to be stopped in reverse.
type closers struct{ list []func() error }

func (c *closers) add(f func() error) { c.list = append(c.list, f) }

func (c *closers) close() error {
	var errs []error
	for _, v := range slices.Backward(c.list) {
		errs = append(errs, v())
	}
	c.list = nil
	return errors.Join(errs...)
}
