package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
)

// Options says what a configuration may reach and how strictly it is read.
type Options struct {
	// Dir is the folder that relative paths in the files start from: the one
	// that was read. "" is the process's own.
	Dir string
	// Env gives environment variables to env(), as os.LookupEnv does. Without
	// it env() is an error: documents in the store have no functions.
	Env func(name string) (string, bool)
	// ReadFile gives files below one of server.file_roots to file(), as
	// ReadUnder does. Without it file() is an error.
	ReadFile func(root, name string) ([]byte, error)
	// Dev allows secrets in the files, plain http, and files without a server
	// or a store block.
	Dev bool
	// AllowUnset takes a variable or a file that is not there as a value that
	// is not known yet: what depends on it is not checked.
	AllowUnset bool
	// Stat says why a file that the host reads later cannot be read, such as a
	// certificate. Without it that is not checked.
	Stat func(path string) error
	// Now is the time by which a client has ended or not. Zero does not say.
	Now time.Time
}

func (o Options) resolve(path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(o.Dir, path)
	}
	return filepath.Clean(path)
}

// loader collects what the blocks declare, and what they refer to.
type loader struct {
	decoder
	options   Options
	config    *Config
	declared  map[string]map[string]*block // kind -> name -> the first that declares it
	blocks    []*hclsyntax.Block           // the top level of all files
	catchAll  *block                       // the upstream without hosts
	routes    []*block
	clients   []*block
	members   []*block // blocks that name their organization
	roleLists []*block // blocks with an attribute "roles"
	broken    bool     // a file has syntax errors, so blocks may be missed
	results   []func()
}

// Load reads a configuration. It reports every mistake of all files: first of
// the syntax, then of the blocks and attributes, then of the names that they
// refer to. The blocks of plugins are left to Body.Decode, the conditions of
// mappings to the policy, and both add to the same report.
//
// The Config holds the blocks without a mistake, so that the later stages can
// find theirs. It may be run only if the report has no errors after all stages.
func Load(src Source, o Options) (*Config, *Report) {
	r := &Report{files: map[string]*page{}}
	f := &functions{options: o}
	l := &loader{
		options:  o,
		config:   &Config{Keyring: keyringDefaults, Session: sessionDefaults, places: places{}},
		declared: map[string]map[string]*block{},
	}
	l.decoder = decoder{report: r, ctx: f.context(), dev: o.Dev, places: l.config.places}
	if err := src.check(); err != nil {
		r.add(entry{code: CodeSyntax, summary: "Not a configuration", detail: err.Error() + "."})
		return l.config, r
	}
	for _, file := range src.Files {
		p, ds := newPage(file)
		r.files[file.Name] = p
		r.addSyntax(p, ds)
		if p.body != nil {
			l.blocks = append(l.blocks, p.body.Blocks...)
			l.topLevel(p.body)
			continue
		}
		l.broken = true
		l.glimpse(file)
	}
	f.roots = l.fileRoots()
	for _, b := range l.blocks {
		l.take(b)
	}
	if !l.broken && !o.Dev {
		l.required(&serverFrame)
		l.required(&storeFrame)
	}
	l.references()
	for _, add := range l.results {
		add()
	}
	return l.config, r
}

// glimpse takes the names that a file with syntax errors seems to declare, so
// that other files may refer to them without a second complaint.
func (l *loader) glimpse(file File) {
	tokens, _ := hclsyntax.LexConfig(file.Text, file.Name, hcl.InitialPos)
	if oversize(file) != nil {
		return
	}
	for _, n := range lines(file.Text, tokens) {
		if n.opens && frameOf(n.kind, frames) != nil {
			b := &block{d: &l.decoder, labels: n.labels, at: hcl.Range{Filename: file.Name}, failed: true}
			l.declare(n.kind, b)
		}
	}
}

// topLevel reports attributes outside of all blocks.
func (l *loader) topLevel(body *hclsyntax.Body) {
	for _, name := range sortedKeys(body.Attributes) {
		a := body.Attributes[name]
		hint := didYouMean(name, kinds(frames))
		if frameOf(name, frames) != nil {
			hint = fmt.Sprintf(" It is a block: write %s { ... } without an equals sign.", name)
		}
		l.report.add(entry{
			code: CodeAttribute, summary: "Attribute outside of a block", at: &a.NameRange, path: diag.Path{name},
			detail: fmt.Sprintf("A file holds blocks; %q is none.%s", name, hint),
		})
	}
}

// fileRoots reads server.file_roots ahead, because file() needs it for all
// other values. What is wrong with it is reported when its block is decoded.
func (l *loader) fileRoots() []string {
	var roots []string
	for _, b := range l.blocks {
		a := b.Body.Attributes["file_roots"]
		if b.Type != serverFrame.kind || a == nil {
			continue
		}
		v, bad := evaluate(a.Expr, l.ctx)
		if bad != nil || !v.IsWhollyKnown() || v.IsNull() {
			continue
		}
		list, _ := convert("list(string)", v, a.Expr, l.ctx).value.([]string)
		for _, root := range list {
			roots = append(roots, l.options.resolve(root))
		}
	}
	return roots
}

// take decodes one block of the top level.
func (l *loader) take(src *hclsyntax.Block) {
	f := frameOf(src.Type, frames)
	if f == nil {
		at := src.TypeRange
		l.report.add(entry{
			code: CodeBlock, summary: "Unknown block", at: &at, path: diag.Path{src.Type},
			detail: fmt.Sprintf("There is no block %q.%s", src.Type, didYouMean(src.Type, kinds(frames))),
		})
		return
	}
	b := l.block(f, src, nil)
	if f != &routeFrame && !l.declare(f.kind, b) {
		return
	}
	if len(b.labels) < len(f.labels) && !f.labels[len(b.labels)].optional {
		return // the block has no name to go on with
	}
	read := map[string]func(*block){
		"server": l.server, "store": l.store, "keyring": l.keyring, "upstream": l.upstream, "route": l.route,
		"role": l.role, "mapping": l.mapping, "test": l.test, "organization": l.organization, "client": l.client, "plugin": l.plugin,
		"authenticator": l.authenticator, "connection": l.connection, "session": l.session,
	}
	read[f.kind](b)
}

// declare gives a name to a block, once.
func (l *loader) declare(kind string, b *block) bool {
	name := instanceName(b.labels)
	if l.declared[kind] == nil {
		l.declared[kind] = map[string]*block{}
	}
	first, taken := l.declared[kind][name]
	if !taken {
		l.declared[kind][name] = b
		return true
	}
	switch {
	case b.path == nil: // from a file that could not be read
	case len(b.labels) == 0:
		b.fail(b.at, b.path, CodeDuplicate, "Block stands twice", "There is one %s block in all files; the other is in %s.", kind, position(first.at))
	default:
		b.fail(b.at, b.path, CodeDuplicate, "Name stands twice", "The block %s %q stands in %s already.", kind, name, position(first.at))
	}
	return false
}

// claim takes a name that belongs to one block of all.
func (l *loader) claim(kind, name string, b *block, attribute, part string) {
	if l.declared[kind] == nil {
		l.declared[kind] = map[string]*block{}
	}
	first, taken := l.declared[kind][name]
	switch {
	case !taken:
		l.declared[kind][name] = b
	case first != b:
		b.fail(b.place(attribute, part), b.sub(attribute, part), CodeDuplicate, "Belongs to another", "This %s belongs to %s in %s.", kind, blockName(first), position(first.at))
	}
}

func blockName(b *block) string { return fmt.Sprintf("%s %q", b.path[0], b.labels[0]) }

func (l *loader) required(f *frame) {
	if len(l.declared[f.kind]) == 0 {
		l.report.add(entry{
			code: CodeMissing, summary: "Missing block", path: diag.Path{f.kind},
			detail: fmt.Sprintf("The configuration needs a %s block: %s", f.kind, f.doc),
		})
	}
}

// keep adds a block's result to the configuration when all has been checked and
// the block has no mistake.
func (l *loader) keep(b *block, add func()) {
	l.results = append(l.results, func() {
		if !b.failed {
			add()
		}
	})
}

func position(at hcl.Range) string {
	if at.Start.Line == 0 {
		return at.Filename
	}
	return fmt.Sprintf("%s line %d", at.Filename, at.Start.Line)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
