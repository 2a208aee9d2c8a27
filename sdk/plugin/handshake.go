package plugin

import goplugin "github.com/hashicorp/go-plugin"

// ProtocolVersion is the major version of the boundary that this SDK speaks:
// that of the package gatehouse.base.v1. Host and plugin that do not meet say
// which versions each speaks.
const ProtocolVersion = 1

// SetName is the name under which go-plugin dispenses the services.
const SetName = "gatehouse"

// Handshake is what go-plugin on both sides compares before anything else. The
// cookie is no secret: it tells a person who starts a plugin by hand what it is.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		ProtocolVersion:  ProtocolVersion,
		MagicCookieKey:   "GATEHOUSE_PLUGIN",
		MagicCookieValue: "b3f1c6de-5f0f-4a3e-8a44-gatehouse",
	}
}
