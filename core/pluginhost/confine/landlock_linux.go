package confine

import (
	"fmt"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
)

// What every program may read: devices without content, time zones, and the
// libraries of one that is not linked statically.
var (
	devices   = []string{"/dev/random", "/dev/urandom", "/dev/zero"}
	libraries = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo"}
)

// resolving is what names of hosts and certificates are looked up in.
var resolving = []string{
	"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/gai.conf",
	"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
}

// landlock confines this process to the files of its profile, and what it
// executes to the same.
func (p Profile) landlock(path string) error {
	c := landlock.V11
	open := append(append([]string{}, devices...), libraries...)
	if p.Network {
		c.HandledAccessNet = 0
		open = append(open, resolving...)
		for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
			if place := os.Getenv(name); place != "" {
				open = append(open, place)
			}
		}
	}
	rules := []landlock.Rule{
		landlock.RWDirs(append([]string{p.Folder}, p.Write...)...).WithRefer(),
		landlock.RWFiles("/dev/null"),
	}
	for _, place := range open {
		if rule, err := readable(place); err == nil { // one that is not there cannot be read
			rules = append(rules, rule)
		}
	}
	for _, place := range p.Read {
		rule, err := readable(place)
		if err != nil {
			return fmt.Errorf("what it may read: %w", err)
		}
		rules = append(rules, rule)
	}
	if path != sealed { // which is in no folder
		rules = append(rules, landlock.ROFiles(path))
	}
	return c.BestEffort().Restrict(rules...)
}

// sealed is the memory file of an external plugin, as the host passes it on.
const sealed = "/proc/self/fd/3"

func readable(place string) (landlock.Rule, error) {
	info, err := os.Stat(place) //nolint:gosec // the operator says what may be read
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return landlock.RODirs(place), nil
	}
	return landlock.ROFiles(place), nil
}
