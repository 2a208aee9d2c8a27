//go:build unix

// Package pluginhost runs the plugins: it finds, pins, launches, watches and
// restarts their processes, and offers what they do as Go methods. A plugin is
// not trusted: it may hang, die, flood, or lie, and every answer is checked
// before it becomes a value of ours. What it never gets is the host's
// environment, another plugin's scope, or a say about who it answers for.
//
// It runs on Unix systems. On Linux a pinned binary runs from a sealed memory
// file, the kernel ends plugins with their host, and package confine takes from
// them what they were not granted; elsewhere a private copy and the closed
// standard input do, and nothing confines them.
package pluginhost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// startLimit is how long a process may take to describe itself.
const startLimit = 10 * time.Second

// Spec says which plugin to run and what it is granted.
type Spec struct {
	Name string // as the plugin describes itself: lower case letters, digits and dashes

	// ID tells this plugin from others that run beside it under the same Name,
	// while one takes over from another; empty is the Name.
	ID string

	// Bundled is a plugin that the host's own binary contains. Any other has an
	// absolute Path and the SHA256 of the file in hexadecimal digits.
	Bundled bool
	Path    string
	SHA256  string

	Args         []string // after those that start it
	HostServices []string // that the operator grants

	Grants
	BestEffort bool // start it even where the kernel lacks the means to confine it
}

// Grants are what a process may have of the system; the zero value is the least.
type Grants struct {
	Network bool              // sockets of the internet, and connections out
	Read    []string          // absolute paths of files and folders
	Memory  int64             // bytes of data; 0 is confine.DefaultMemory
	Env     map[string]string // variables beside those that every plugin gets
}

// Options are what a Host needs. Logger, Random, RunDir, Self and Launch are required.
type Options struct {
	Logger *slog.Logger
	Random io.Reader // crypto/rand.Reader outside of tests

	// RunDir is a folder of this host alone, with mode 0700 (made if it is not
	// there) and a path of 60 bytes at most. Sockets live below it.
	RunDir string

	// Self is the command that starts a bundled plugin, without its name, which
	// follows: {"/proc/self/exe", "__plugin"}.
	Self []string

	// Launch is the command of the launch stage, which runs confine.Exec:
	// {"/proc/self/exe", confine.Command}.
	Launch []string

	Version string   // of the host, for the plugins' logs
	Environ []string // the host's environment, as os.Environ; a few variables are handed on

	Audit     AuditSink                    // nil: the host service is refused
	Fetch     Fetcher                      // the same
	Directory Directory                    // the same
	Once      Once                         // the same
	Blobs     Blobs                        // the same
	Keys      Keys                         // the same
	Observer  Observer                     // may be nil
	TraceID   func(context.Context) string // of the request that a call belongs to; may be nil
	Tracer    *tracing.Tracer              // nil: plugins are asked for no spans
}

// Host runs plugins. Make one with New, and end it with Close.
type Host struct {
	options     Options
	log         *slog.Logger
	forks       *forker
	folders     *runDir
	pace        pace
	startLimit  time.Duration
	deathSignal bool
	afterPin    func()
	support     confine.Support
	writable    []string
	fileSize    int64

	mu         sync.Mutex
	closed     bool
	programs   map[string]*program // by the ID
	processes  map[processKey]*supervised
	placements map[string]*placement
}

// processKey names a process: of a plugin, by its ID, and of one instance if it
// is dedicated to that.
type processKey struct{ plugin, dedicatedTo string }

type supervised struct {
	*supervisor[*process]
	key     processKey
	program *program
}

// New claims the run folder, and removes what a host that died has left there.
func New(o Options) (*Host, error) {
	if o.Logger == nil || o.Random == nil || len(o.Self) == 0 || len(o.Launch) == 0 {
		return nil, errors.New("a plugin host needs a logger, randomness and the commands of the bundled plugins and of the launch stage")
	}
	if o.TraceID == nil {
		o.TraceID = func(context.Context) string { return "" }
	}
	folders, err := openRunDir(o.RunDir)
	if err != nil {
		return nil, err
	}
	return &Host{
		options: o, log: o.Logger, folders: folders, forks: newForker(), pace: usualPace, startLimit: startLimit, deathSignal: true, support: confine.Detect(),
		programs: map[string]*program{}, processes: map[processKey]*supervised{}, placements: map[string]*placement{},
	}, nil
}

// Start launches plugins in parallel and returns once each has described itself
// or failed to. The errors are by the plugin's ID; one that failed is not tried
// again until the next Start.
func (h *Host) Start(ctx context.Context, specs []Spec) map[string]error {
	var mu sync.Mutex
	failed := map[string]error{}
	var starting sync.WaitGroup
	for _, spec := range specs {
		if spec.ID == "" {
			spec.ID = spec.Name
		}
		starting.Go(func() {
			if err := h.startOne(ctx, spec); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[spec.ID] = err
			}
		})
	}
	starting.Wait()
	return failed
}

func (h *Host) startOne(ctx context.Context, spec Spec) error {
	if !label.MatchString(spec.Name) {
		return problem.New(problem.Invalid, "plugin name %q is not lower case letters, digits and dashes", spec.Name)
	}
	spec.Args, spec.HostServices = slices.Clone(spec.Args), slices.Clone(spec.HostServices)
	spec.Read, spec.Env = slices.Clone(spec.Read), maps.Clone(spec.Env)
	spec.Memory = cmp.Or(spec.Memory, confine.DefaultMemory)
	if missing := h.support.Missing(); missing != "" && !spec.BestEffort {
		return problem.New(problem.Invalid, "plugin %q does not start, because it cannot be confined: %s", spec.Name, missing).
			WithHint("Use a kernel that can, or accept plugins that may do what the host's user may, with confinement = \"best-effort\" in the server block.")
	} else if missing != "" {
		h.log.WarnContext(ctx, "a plugin is not fully confined", "plugin", spec.Name, "missing", missing)
	}
	g := &program{
		spec: spec, self: h.options.Self, version: h.options.Version, environ: h.options.Environ,
		random: h.options.Random, log: h.log, audit: h.options.Audit, fetch: h.options.Fetch, directory: h.options.Directory, once: h.options.Once, blobs: h.options.Blobs, keys: h.options.Keys, traceID: h.options.TraceID, tracer: h.options.Tracer,
		forks: h.forks, folders: h.folders, startLimit: h.startLimit, deathSignal: h.deathSignal, afterPin: h.afterPin,
		stage: h.options.Launch, support: h.support, writable: h.writable, fileSize: h.fileSize,
	}
	if h.options.Observer != nil {
		g.refused = h.options.Observer.CallRefused
	}
	h.mu.Lock()
	if _, ok := h.programs[spec.ID]; ok {
		h.mu.Unlock()
		return problem.New(problem.Conflict, "plugin %q was started already", spec.Name)
	}
	h.programs[spec.ID] = g
	h.mu.Unlock()
	if _, err := h.supervise(ctx, g, processKey{plugin: spec.ID}); err != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.programs, spec.ID)
		return err
	}
	return nil
}

// supervise launches a process and keeps it running.
func (h *Host) supervise(ctx context.Context, g *program, key processKey) (*supervised, error) {
	changed := func(s State, number uint64) {
		if h.options.Observer != nil {
			h.options.Observer.StateChanged(g.spec.Name, key.dedicatedTo, s, number)
		}
	}
	s := &supervised{
		supervisor: newSupervisor(g.spec.Name, g.launch, backoff{random: h.options.Random}, h.pace, h.log, changed),
		key:        key, program: g,
	}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, errClosed()
	}
	h.processes[key] = s
	h.mu.Unlock()
	if err := s.start(ctx); err != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.processes, key)
		return nil, err
	}
	return s, nil
}

func errClosed() error {
	return problem.New(problem.Unavailable, "the plugins are being stopped").WithRetryAfter(retrySoon)
}

// Stop ends a plugin's processes and forgets its instances, as if it had never
// been started: calls in flight may end until ctx does. One that is not known is
// no error.
func (h *Host) Stop(ctx context.Context, plugin string) {
	h.mu.Lock()
	delete(h.programs, plugin) // no dedicated process is launched from now on
	var all []*supervised
	for key, s := range h.processes {
		if key.plugin == plugin {
			all = append(all, s)
		}
	}
	var placed []*placement
	for _, p := range h.placements {
		placed = append(placed, p)
	}
	h.mu.Unlock()
	for _, p := range placed {
		p.leave(all)
	}
	var stopping sync.WaitGroup
	for _, s := range all {
		stopping.Go(func() { h.dismiss(ctx, s) })
	}
	stopping.Wait()
}

// Description returns what a plugin said of itself, by its ID.
func (h *Host) Description(plugin string) (Description, error) {
	h.mu.Lock()
	g, ok := h.programs[plugin]
	h.mu.Unlock()
	if !ok {
		return Description{}, problem.New(problem.NotFound, "there is no plugin %q", plugin)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first == nil {
		return Description{}, problem.New(problem.Unavailable, "plugin %q has not described itself yet", plugin).WithRetryAfter(retrySoon)
	}
	return *g.first, nil
}

// Close ends all plugins in parallel: calls in flight may end until ctx does,
// then the processes are killed. Afterwards nothing of them is left.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	var all []*supervised
	for _, s := range h.processes {
		all = append(all, s)
	}
	h.mu.Unlock()
	var stopping sync.WaitGroup
	for _, s := range all {
		stopping.Go(func() { s.stop(ctx) })
	}
	stopping.Wait()
	h.forks.close()
	if err := h.folders.close(); err != nil {
		return fmt.Errorf("cleaning the run folder: %w", err)
	}
	return nil
}

// Status tells of all processes, by plugin and instance.
func (h *Host) Status() []Status {
	h.mu.Lock()
	var all []*supervised
	for _, s := range h.processes {
		all = append(all, s)
	}
	h.mu.Unlock()
	var out []Status
	for _, s := range all {
		out = append(out, s.status())
	}
	slices.SortFunc(out, func(a, b Status) int {
		return compareTexts(a.Plugin, b.Plugin, a.DedicatedTo, b.DedicatedTo)
	})
	return out
}
