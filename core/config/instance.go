package config

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Instance is one configured block of a plugin: an authenticator, or a
// provisioner of a connection.
type Instance struct {
	Name      string // kind or kind.label; a connection's has its label and a slash before it
	Kind      string // as a plugin offers it
	Label     string // "" where there is one block of the kind
	Isolation Isolation
	Body      Body
	Range     hcl.Range
}

// instanceName joins the labels of a block to the name that others call it by.
func instanceName(labels []string) string { return strings.Join(labels, ".") }

// instance reads a block of a plugin; f is its frame.
func (l *loader) instance(b *block, f *frame) Instance {
	in := Instance{
		Name: instanceName(b.labels), Kind: b.labels[0], Isolation: isolation(b), Range: b.at,
		Body: Body{&body{decoder: l.decoder, frame: f, src: b.src, path: b.path, at: b.at}},
	}
	if len(b.labels) > 1 {
		in.Label = b.labels[1]
	}
	return in
}

// isolated has what the plugin's block says where the instance's says nothing.
// All blocks have been read.
func (l *loader) isolated(in Instance) Instance {
	if in.Isolation != "" {
		return in
	}
	in.Isolation = Shared
	for _, p := range l.config.Plugins {
		if p.Name == in.Kind && p.Isolation != "" {
			in.Isolation = p.Isolation
		}
	}
	return in
}

// Body is the part of a block that belongs to a plugin. It is decoded when the
// plugin has described itself, and holds the place of everything in it, so that
// the plugin's complaints are shown like the host's.
type Body struct{ *body }

type body struct {
	decoder
	frame   *frame // the host's part of the block
	src     *hclsyntax.Block
	path    diag.Path
	at      hcl.Range
	secrets []string // values of the last Decode that no message may repeat
}

// String keeps values out of logs.
func (b Body) String() string { return "body of " + b.path.String() }

// Decode gives the block's value as the plugin receives it, an object in JSON
// with the schema's defaults, and the paths of attributes whose value is not
// known yet (Options.AllowUnset), which the value leaves out. What does not fit
// the schema is added to the report, and ok is false. The value may hold
// secrets: it is for the plugin only.
func (b Body) Decode(s schema.Schema) (value json.RawMessage, unknown []diag.Path, ok bool) {
	if err := s.Check(); err != nil {
		b.complain(b.at, nil, diag.Error, CodePluginSchema, "Plugin with a wrong schema", "The plugin describes its configuration wrongly: "+err.Error()+". Report this to its author.")
		return nil, nil, false
	}
	f := &frame{kind: b.src.Type, Schema: schema.Schema{Attributes: slices.Clone(s.Attributes), Blocks: s.Blocks}}
	for _, own := range b.frame.Attributes {
		if declares(s, own.Name) {
			b.complain(b.at, nil, diag.Error, CodePluginSchema, "Plugin with a wrong schema", "The plugin describes an attribute "+own.Name+", which is the host's. Report this to its author.")
			return nil, nil, false
		}
		f.Attributes = append(f.Attributes, own)
	}
	d := b.decoder
	d.places = places{}
	top := &block{d: &d, path: b.path, at: b.at, labels: b.src.Labels}
	top.body(f, b.src.Body)
	b.places, b.secrets = d.places, nil
	t := tree{schema: s, block: top}
	object := t.object(&unknown, &b.secrets)
	// The longest first, so that a part of a text does not keep the rest of it from being found.
	slices.SortFunc(b.secrets, func(x, y string) int { return len(y) - len(x) })
	if top.failed {
		return nil, unknown, false
	}
	value, err := json.Marshal(object)
	if err != nil {
		b.complain(b.at, nil, diag.Error, CodeValue, "Value without a form", "The values of this block cannot be given to the plugin.")
		return nil, unknown, false
	}
	return value, unknown, true
}

func declares(s schema.Schema, name string) bool {
	for _, a := range s.Attributes {
		if a.Name == name {
			return true
		}
	}
	for _, n := range s.Blocks {
		if n.Name == name {
			return true
		}
	}
	return false
}

// Report adds the plugin's own complaints, each at the attribute that it is
// about. A value that is sensitive or came from env() or file() is taken out of
// the words, in case the plugin repeated it.
func (b Body) Report(ds diag.Diagnostics) {
	for _, d := range ds {
		path := append(append(diag.Path{}, b.path...), d.Path...)
		at, found := b.places.locate(path)
		if !found || len(d.Path) == 0 {
			at = b.at
		}
		b.complain(at, path, d.Severity, CodePlugin, b.censor(d.Summary), b.censor(d.Detail))
	}
}

// UnknownKind reports that no plugin of this kind exists; known are those that
// do.
func (b Body) UnknownKind(known []string) {
	kind := b.src.Labels[0]
	b.complain(b.src.LabelRanges[0], nil, diag.Error, CodeReference, "Unknown plugin", "There is no plugin \""+kind+"\"."+didYouMean(kind, known)+" A plugin that is not part of Gatehouse needs a plugin block.")
}

func (b Body) complain(at hcl.Range, path diag.Path, severity diag.Severity, code Code, summary, detail string) {
	if path == nil {
		path = b.path
	}
	b.report.add(entry{severity: severity, code: code, summary: summary, detail: detail, at: &at, path: path})
}

func (b Body) censor(s string) string {
	const shortest = 4 // a shorter value would take letters out of ordinary words
	for _, secret := range b.secrets {
		if len(secret) >= shortest {
			s = strings.ReplaceAll(s, secret, mask)
		}
	}
	return s
}
