package config

import "github.com/gatehouse-id/gatehouse/sdk/schema"

var authenticatorFrame = frame{
	kind: "authenticator", labels: []label{{name: "kind"}, {name: "label", optional: true}}, plugin: true,
	doc:    "An instance of a plugin that verifies credentials. The label tells several of one kind apart. What else may stand in it is the plugin's to say.",
	Schema: schema.Schema{Attributes: []schema.Attribute{isolationAttribute}},
}

func (l *loader) authenticator(b *block) {
	in := l.instance(b, &authenticatorFrame)
	l.keep(b, func() { l.config.Authenticators = append(l.config.Authenticators, l.isolated(in)) })
}
