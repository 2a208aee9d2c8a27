package config

import (
	"regexp"
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// frame describes one block of the host in the words that plugins use for
// theirs. What a schema cannot say is beside it: labels, expressions that are
// kept, and blocks with labels.
type frame struct {
	kind   string
	labels []label
	once   bool   // at most one in all files, or in the block around it
	doc    string // for the reference
	schema.Schema
	expressions []schema.Attribute // kept unevaluated; a Type is for the reference only
	children    []*frame           // blocks with labels
	masked      []string           // attributes that are not sensitive, but hold what nobody should read over a shoulder
	plugin      bool               // everything else in it belongs to the plugin
}

// label is one label of a block.
type label struct {
	name     string // as it is called in messages
	optional bool
	free     bool // not held to the grammar of names: the block checks it itself
}

// labelName is the grammar of labels, which are names for ever.
var labelName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

const labelRule = "A name begins with a lower case letter and goes on with at most 62 lower case letters, digits and dashes."

// frames is every block that may stand in a file by itself, in the order of the
// reference.
var frames = []*frame{
	&serverFrame, &storeFrame, &keyringFrame, &upstreamFrame, &routeFrame, &roleFrame, &mappingFrame, &testFrame,
	&organizationFrame, &connectionFrame, &sessionFrame, &clientFrame, &pluginFrame, &authenticatorFrame,
}

func frameOf(kind string, among []*frame) *frame {
	if i := slices.IndexFunc(among, func(f *frame) bool { return f.kind == kind }); i >= 0 {
		return among[i]
	}
	return nil
}

func kinds(fs []*frame) []string {
	var names []string
	for _, f := range fs {
		names = append(names, f.kind)
	}
	return names
}

// nested is the frame of a block that a schema declares.
func nested(b schema.Block) *frame {
	return &frame{kind: b.Name, once: !b.Repeated, doc: b.Doc, Schema: b.Schema}
}

// isBlock reports whether a block of the host has this name, at any depth.
func isBlock(kind string) bool { return frameOf(kind, frames) != nil || within(kind) != nil }

// isName reports whether a block of the host, or an attribute in one, has this
// name. Such a word is in the documentation, and no secret.
func isName(word string) bool {
	if isBlock(word) {
		return true
	}
	has := func(f *frame) bool {
		named := func(a schema.Attribute) bool { return a.Name == word }
		return slices.ContainsFunc(f.Attributes, named) || slices.ContainsFunc(f.expressions, named)
	}
	for _, f := range frames {
		if has(f) || slices.ContainsFunc(f.children, has) || slices.ContainsFunc(f.Blocks, func(b schema.Block) bool { return has(nested(b)) }) {
			return true
		}
	}
	return false
}

// within finds a block that stands in others, by name.
func within(kind string) *frame {
	for _, f := range frames {
		if c := frameOf(kind, f.children); c != nil {
			return c
		}
		for _, b := range f.Blocks {
			if b.Name == kind {
				return nested(b)
			}
		}
	}
	return nil
}

// isPublic reports whether a value of this attribute of this block of the host
// may be shown.
func isPublic(kind, name string) bool {
	f := frameOf(kind, frames)
	if f == nil {
		f = within(kind)
	}
	if f == nil {
		return false
	}
	for _, a := range f.Attributes {
		if a.Name == name {
			return !a.Sensitive && !slices.Contains(f.masked, name)
		}
	}
	return slices.ContainsFunc(f.expressions, func(a schema.Attribute) bool { return a.Name == name })
}
