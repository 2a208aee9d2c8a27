//go:build unix

package pluginhost

import (
	"slices"
	"strings"
)

// handedOn are the variables of the host that a plugin gets; everything else
// may be a secret. They say where programs and certificates are and what time
// it is here.
var handedOn = []string{"PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// environment is that of a plugin, before go-plugin adds its handshake.
func environment(host []string, folder string) []string {
	env := []string{"TMPDIR=" + folder, "HOME=" + folder}
	for _, variable := range host {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains(handedOn, name) {
			env = append(env, variable)
		}
	}
	return env
}
