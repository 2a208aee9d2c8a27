package confine

import (
	"fmt"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// What every program may read: randomness, time zones, and the libraries of one
// that is not linked statically. Not /dev/zero: mapped shared, it is memory that
// nothing counts.
var (
	devices   = []string{"/dev/random", "/dev/urandom"}
	libraries = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo"}
)

// resolving is what names of hosts and certificates are looked up in.
var resolving = []string{
	"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/gai.conf",
	"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
}

// inFolder is what a process may do in its own folder: make the socket that it
// serves on, for which go-plugin makes a file first. Without folders in it, and
// with files that stay empty, it can neither fill the disk nor hide anything.
const inFolder landlock.AccessFSSet = ll.AccessFSReadFile | ll.AccessFSReadDir | ll.AccessFSWriteFile | ll.AccessFSTruncate |
	ll.AccessFSMakeReg | ll.AccessFSMakeSock | ll.AccessFSRemoveFile

// landlock confines this process to the files of its profile, and what it
// executes to the same.
func (p Profile) landlock(path string) error {
	c := landlock.V11.EnableLoggingForSubprocesses() // the plugin is one: the kernel's audit log gets what is denied
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
		landlock.PathAccess(inFolder, p.Folder),
		landlock.RWFiles("/dev/null"),
	}
	if len(p.Write) > 0 {
		rules = append(rules, landlock.RWDirs(p.Write...).WithRefer())
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
