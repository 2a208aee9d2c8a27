package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// decoder turns blocks into values by their frame. The host's blocks and those
// of plugins go through it alike.
type decoder struct {
	report *Report
	ctx    *hcl.EvalContext
	dev    bool
	places places
}

// block is one decoded block.
type block struct {
	d      *decoder
	parent *block // the block that it stands in
	path   diag.Path
	at     hcl.Range // its header
	src    *hclsyntax.Block
	labels []string
	attrs  map[string]attr
	kept   map[string]hclsyntax.Expression // the frame's expressions
	blocks map[string][]*block
	failed bool // it has an error, and later checks leave it alone
}

// fail reports an error on what stands at path.
func (b *block) fail(at hcl.Range, path diag.Path, code Code, summary, format string, args ...any) {
	for around := b; around != nil; around = around.parent {
		around.failed = true
	}
	b.d.report.add(entry{code: code, summary: summary, detail: fmt.Sprintf(format, args...), at: &at, path: path})
}

func (b *block) sub(parts ...string) diag.Path { return append(slices.Clone(b.path), parts...) }

// block decodes a block with its labels; path is where it stands.
func (d *decoder) block(f *frame, src *hclsyntax.Block, parent diag.Path) *block {
	b := d.labelled(f, src, parent)
	b.body(f, src.Body)
	return b
}

// labelled checks the labels only.
func (d *decoder) labelled(f *frame, src *hclsyntax.Block, parent diag.Path) *block {
	d.report.showLabels(src)
	labels := src.Labels[:min(len(src.Labels), len(f.labels))]
	b := &block{
		d: d, at: src.DefRange(), src: src, labels: labels,
		path: append(append(slices.Clone(parent), f.kind), labels...),
	}
	d.places.add(b.path, b.at)
	required := 0
	for _, l := range f.labels {
		if !l.optional {
			required++
		}
	}
	switch {
	case len(src.Labels) < required:
		b.fail(b.at, b.path, CodeLabel, "Missing label", "Write %s.", headerForm(f))
	case len(src.Labels) > len(f.labels):
		b.fail(src.LabelRanges[len(f.labels)], b.path, CodeLabel, "Too many labels", "Write %s.", headerForm(f))
	}
	for i, l := range f.labels[:len(labels)] {
		if !l.free && !labelName.MatchString(labels[i]) {
			b.fail(src.LabelRanges[i], b.path, CodeLabel, "Not a name", "This is no name that a block can have. %s", labelRule)
		}
	}
	return b
}

// headerForm shows how the block begins, such as client "id" { ... }.
func headerForm(f *frame) string {
	form := f.kind
	for _, l := range f.labels {
		if l.optional {
			form += fmt.Sprintf(" [%q]", l.name)
		} else {
			form += fmt.Sprintf(" %q", l.name)
		}
	}
	return form + " { ... }"
}

// body decodes what stands within the braces.
func (b *block) body(f *frame, src *hclsyntax.Body) {
	b.attrs, b.kept, b.blocks = map[string]attr{}, map[string]hclsyntax.Expression{}, map[string][]*block{}
	for _, s := range f.Attributes {
		b.attribute(s, src.Attributes[s.Name], !slices.Contains(f.masked, s.Name))
	}
	for _, s := range f.expressions {
		if a := src.Attributes[s.Name]; a != nil {
			b.d.report.show(a)
			b.d.places.add(b.sub(s.Name), a.Expr.Range())
			b.kept[s.Name] = a.Expr
		}
	}
	inner := slices.Clone(f.children)
	for _, s := range f.Blocks {
		inner = append(inner, nested(s))
	}
	if !f.plugin {
		b.strangers(f, src, inner)
	}
	for _, c := range inner {
		b.nested(c, src.Blocks)
	}
}

// strangers reports what the frame does not know.
func (b *block) strangers(f *frame, src *hclsyntax.Body, inner []*frame) {
	var known []string
	for _, a := range slices.Concat(f.Attributes, f.expressions) {
		known = append(known, a.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(src.Attributes)) {
		if a := src.Attributes[name]; !slices.Contains(known, name) {
			hint := didYouMean(name, known)
			if slices.Contains(kinds(inner), name) {
				hint = fmt.Sprintf(" It is a block: write %s { ... } without an equals sign.", name)
			}
			b.d.report.showSource(a)
			b.fail(a.NameRange, b.sub(name), CodeAttribute, "Unknown attribute", "There is no attribute %q here.%s", name, hint)
		}
	}
	for _, c := range src.Blocks {
		if frameOf(c.Type, inner) == nil {
			hint := didYouMean(c.Type, kinds(inner))
			if slices.Contains(known, c.Type) {
				hint = fmt.Sprintf(" It is an attribute: write %s = ...", c.Type)
			}
			b.fail(c.TypeRange, b.sub(c.Type), CodeBlock, "Unknown block", "There is no block %q here.%s", c.Type, hint)
		}
	}
}

// nested decodes all blocks of one kind.
func (b *block) nested(f *frame, all hclsyntax.Blocks) {
	for _, src := range all {
		if src.Type != f.kind {
			continue
		}
		before := b.blocks[f.kind]
		if f.once && len(before) > 0 {
			b.fail(src.DefRange(), b.sub(f.kind), CodeDuplicate, "Block stands twice", "The first %s block of this block is on line %d.", f.kind, before[0].at.Start.Line)
			continue
		}
		var c *block
		if f.once || len(f.labels) > 0 {
			c = b.d.block(f, src, b.path)
		} else { // repeated blocks of a schema are told apart by their number
			c = b.d.labelled(f, src, b.path)
			c.path = append(c.path, strconv.Itoa(len(before)))
			b.d.places.add(c.path, c.at)
			c.body(f, src.Body)
		}
		c.parent = b
		b.failed = b.failed || c.failed
		b.blocks[f.kind] = append(before, c)
	}
}

// attribute decodes one attribute; a is nil where it does not stand.
func (b *block) attribute(s schema.Attribute, a *hclsyntax.Attribute, visible bool) {
	path := b.sub(s.Name)
	if a == nil {
		b.absent(s, b.at)
		return
	}
	at := a.Expr.Range()
	b.d.places.add(path, at)
	switch {
	case s.Sensitive || !visible:
		b.d.report.showSource(a)
	default:
		b.d.report.show(a)
	}
	if s.Deprecated != "" {
		b.d.report.add(entry{severity: diag.Warning, code: CodeDeprecated, summary: "Deprecated attribute", detail: s.Deprecated, at: &a.NameRange, path: path})
	}
	v, bad := evaluate(a.Expr, b.d.ctx)
	if parts := secretParts(a.Expr); bad == nil && s.Sensitive && !b.d.dev && len(parts) > 0 {
		bad = &mistake{parts[0], CodeLiteral, "Secret in the file", fmt.Sprintf("The value of %q is secret and does not belong into a file that is stored and shared. Write env(\"NAME\") or file(\"path\").", s.Name)}
	}
	if bad != nil {
		b.fail(bad.at, path, bad.code, bad.title, "%s", bad.detail)
		return
	}
	if !v.IsWhollyKnown() {
		b.attrs[s.Name] = attr{at: at, given: true, unknown: true, concealed: v.concealed}
		return
	}
	if v.IsNull() {
		b.absent(s, at)
		return
	}
	c := convert(s.Type, v, a.Expr, b.d.ctx)
	if c.bad != nil {
		b.fail(c.bad.at, append(path, c.key...), c.bad.code, c.bad.title, "%s", c.bad.detail)
		return
	}
	if s.Sensitive && c.value == "" {
		b.fail(at, path, CodeValue, "Empty secret", "The value of %q is secret and must not be empty.", s.Name)
		return
	}
	for key, r := range c.parts {
		b.d.places.add(append(slices.Clone(path), key), r)
	}
	b.attrs[s.Name] = attr{value: c.value, at: at, parts: c.parts, given: true, concealed: v.concealed || s.Sensitive}
}

// absent takes the default of an attribute that does not stand or is null.
func (b *block) absent(s schema.Attribute, at hcl.Range) {
	if s.Required {
		b.fail(at, b.sub(s.Name), CodeMissing, "Missing attribute", "The attribute %q is required: %s", s.Name, s.Doc)
		return
	}
	if s.Default != nil {
		b.attrs[s.Name] = attr{value: s.Default, at: b.at}
	}
}
