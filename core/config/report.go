package config

import (
	"cmp"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
)

// Report is everything that is wrong with a configuration, found by all stages
// from the syntax to the policy, together with the text that it is shown on.
// It shows no secret: see conceal.go. It may be used by several goroutines, as
// plugins check their blocks side by side.
type Report struct {
	mu      sync.Mutex
	files   map[string]*page
	entries []entry
	more    int // errors beyond entryLimit
}

// entryLimit is how many diagnostics are kept: nobody reads more, and hostile
// text could ask for one for each of its characters.
const entryLimit = 1000

// entry is one diagnostic. Summary and detail never repeat a value that may be
// secret.
type entry struct {
	severity diag.Severity
	code     Code
	summary  string
	detail   string
	at       *hcl.Range // nil: it is about the configuration as a whole
	path     diag.Path  // such as client, my-tenant, roles, 0; nil for syntax
}

// HasErrors reports whether the configuration may not be used.
func (r *Report) HasErrors() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed()
}

func (r *Report) failed() bool {
	return r.more > 0 || slices.ContainsFunc(r.entries, func(e entry) bool { return e.severity == diag.Error })
}

// Len is the number of diagnostics that are printed, warnings included.
func (r *Report) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.entries)
}

func (r *Report) show(a *hclsyntax.Attribute) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[a.NameRange.Filename].show(a)
}

func (r *Report) showSource(a *hclsyntax.Attribute) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[a.NameRange.Filename].showSource(a)
}

func (r *Report) showLabels(b *hclsyntax.Block) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[b.TypeRange.Filename].showLabels(b)
}

// Add takes the diagnostics of the policy's stage, which stand on ranges of the
// expressions in Mapping.When. Their words are printed as they are.
func (r *Report) Add(ds hcl.Diagnostics) { r.AddAs(CodePolicy, ds) }

// AddAs takes diagnostics of a stage that comes after the blocks, under its code.
func (r *Report) AddAs(code Code, ds hcl.Diagnostics) {
	for _, d := range ds {
		e := entry{code: code, summary: d.Summary, detail: d.Detail, at: d.Subject}
		if d.Severity == hcl.DiagWarning {
			e.severity = diag.Warning
		}
		r.add(e)
	}
}

// addSyntax takes what the parser says. Its words may quote the file, where a
// misplaced quotation mark turns a secret into a name.
func (r *Report) addSyntax(p *page, ds hcl.Diagnostics) {
	for _, d := range ds {
		e := entry{code: CodeSyntax, summary: d.Summary, detail: p.said(d), at: d.Subject}
		if p.quotedBy(e.summary) {
			e.summary = "Syntax error"
		}
		r.add(e)
	}
}

// full reports whether nothing more will be kept, so that no work goes into it.
func (r *Report) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.entries) >= entryLimit
}

func (r *Report) add(e entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	same := func(o entry) bool {
		return o.severity == e.severity && o.code == e.code && o.summary == e.summary && o.detail == e.detail &&
			slices.Equal(o.path, e.path) && (o.at == e.at || o.at != nil && e.at != nil && *o.at == *e.at)
	}
	switch {
	case len(r.entries) >= entryLimit:
		if e.severity == diag.Error {
			r.more++
		}
	case !slices.ContainsFunc(r.entries, same): // a block is decoded again when its plugin starts again
		r.entries = append(r.entries, e)
	}
}

// sorted gives the diagnostics in the order of the files' text, those without a
// place first.
func (r *Report) sorted() []entry {
	out := slices.Clone(r.entries)
	slices.SortStableFunc(out, func(a, b entry) int {
		switch {
		case a.at == nil || b.at == nil:
			return cmp.Compare(rank(a.at), rank(b.at))
		default:
			return cmp.Or(cmp.Compare(a.at.Filename, b.at.Filename), cmp.Compare(a.at.Start.Byte, b.at.Start.Byte), cmp.Compare(a.code, b.code))
		}
	})
	return out
}

func rank(at *hcl.Range) int {
	if at == nil {
		return 0
	}
	return 1
}
