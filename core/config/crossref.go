package config

import (
	"strconv"
	"strings"
)

// references checks that every name that a block refers to is declared, in any
// file, also by a block that has a mistake of its own.
func (l *loader) references() {
	for _, b := range l.roleLists {
		if b.failed {
			continue
		}
		for i, role := range b.texts("roles") {
			l.refer(b, "roles", strconv.Itoa(i), "role", role)
		}
	}
	for _, b := range l.members {
		if a := b.attrs["organization"]; !b.failed && !a.unknown {
			l.refer(b, "organization", "", "organization", b.text("organization"))
		}
	}
	for _, b := range l.clients {
		if !b.failed {
			l.choose(b, "authenticator", "authenticator")
		}
	}
	for _, b := range l.routes {
		if !b.failed {
			l.choose(b, "upstream", "upstream")
		}
	}
}

// refer checks one name.
func (l *loader) refer(b *block, attribute, part, kind, name string) {
	if _, ok := l.declared[kind][name]; ok {
		return
	}
	path := b.sub(attribute)
	if part != "" {
		path = append(path, part)
	}
	hint := ""
	if !l.report.full() {
		known := sortedKeys(l.declared[kind])
		hint = didYouMean(name, known)
		if b.attrs[attribute].concealed { // the nearest name would tell of it
			hint = among(known)
		}
	}
	b.fail(b.place(attribute, part), path, CodeReference, "Unknown "+kind, "No %s block declares %s.%s", kind, b.name(attribute, name), hint)
}

// choose checks a name that may be left out where there is only one to choose.
func (l *loader) choose(b *block, attribute, kind string) {
	a := b.attrs[attribute]
	known := sortedKeys(l.declared[kind])
	switch {
	case a.unknown:
	case a.given:
		l.refer(b, attribute, "", kind, b.text(attribute))
	case len(known) == 0 && !l.broken:
		b.fail(b.at, b.path, CodeReference, "No "+kind, "This block needs an %s, and no file declares one.", kind)
	case len(known) > 1:
		b.fail(b.at, b.path, CodeMissing, "Missing attribute", "There are several %ss, so the attribute %q is required: one of %s.", kind, attribute, strings.Join(known, ", "))
	}
}
