package server

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listening is the state of a listening socket in the tables of proc(5).
const listening = "0A"

// holder names the processes that listen on a TCP port, on whatever address. Of
// another user's the kernel tells the user only, and of those in another
// container nothing.
func holder(port string) string {
	n, err := strconv.ParseUint(port, 10, 16)
	var found []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(table) // a system without IPv6 has no second one
		for _, s := range listeners(string(text)) {
			if err == nil && s.port == n {
				found = append(found, s.process())
			}
		}
	}
	if len(found) == 0 {
		return "another process"
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " or ")
}

// socket is one that listens.
type socket struct {
	port        uint64
	user, inode string
}

// listeners reads a table of proc(5).
func listeners(table string) (list []socket) {
	for line := range strings.Lines(table) {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		_, port, _ := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(port, 16, 16); err == nil {
			list = append(list, socket{port: n, user: fields[7], inode: fields[9]})
		}
	}
	return list
}

// process finds the process that has the socket open.
func (s socket) process() string {
	open, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is a good one
	for _, fd := range open {
		if target, err := os.Readlink(fd); err != nil || target != "socket:["+s.inode+"]" {
			continue
		}
		process := filepath.Dir(filepath.Dir(fd))
		name, _ := os.ReadFile(filepath.Join(process, "comm")) // it may have ended meanwhile
		return fmt.Sprintf("process %s (%s)", filepath.Base(process), strings.TrimSpace(string(name)))
	}
	return "a process of the user with the id " + s.user
}
