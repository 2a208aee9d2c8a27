package fetch

import (
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// How many requests may be under way at once.
const (
	perPlugin = 32
	perHost   = 8 // of one plugin: a host that hangs leaves room for others
)

// slots counts the requests that are under way. Only those who have one are in
// the maps.
type slots struct {
	mu      sync.Mutex
	plugins map[string]int
	hosts   map[[2]string]int // of a plugin
}

// take counts one more, until release, or refuses: to wait would let whatever
// hangs fill the way of the plugin to its host.
func (s *slots) take(plugin, host string) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := [2]string{plugin, host}
	switch {
	case s.plugins[plugin] >= perPlugin:
		return nil, problem.New(problem.Throttled, "%d requests of plugin %q are under way already", perPlugin, plugin).WithRetryAfter(time.Second)
	case s.hosts[at] >= perHost:
		return nil, problem.New(problem.Throttled, "%d requests of plugin %q to %s are under way already", perHost, plugin, host).WithRetryAfter(time.Second)
	}
	s.plugins[plugin]++
	s.hosts[at]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.plugins[plugin]--; s.plugins[plugin] == 0 {
			delete(s.plugins, plugin)
		}
		if s.hosts[at]--; s.hosts[at] == 0 {
			delete(s.hosts, at)
		}
	}, nil
}
