//go:build unix

package pluginhost

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// handedOn are the variables of the host that a plugin gets; everything else
// may be a secret. They say where programs and certificates are and what time
// it is here.
var handedOn = []string{"PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// environment is that of a plugin, before go-plugin adds its handshake. Go's
// collector begins to work harder at half of what it may allocate.
func environment(host []string, folder string, granted Grants) []string {
	env := []string{"TMPDIR=" + folder, "HOME=" + folder, "GOMEMLIMIT=" + strconv.FormatInt(granted.Memory/2, 10)}
	for _, variable := range host {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains(handedOn, name) {
			env = append(env, variable)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(granted.Env)) {
		env = append(env, name+"="+granted.Env[name])
	}
	return env
}
