//go:build unix

package pluginhost

import (
	"cmp"
	"strings"
)

func (s *supervised) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Status{
		Plugin: s.program.spec.Name, DedicatedTo: s.key.dedicatedTo, SHA256: strings.ToLower(s.program.spec.SHA256),
		State: s.state, Since: s.since, Generation: s.number, Restarts: max(0, s.ready-1),
	}
	if s.lastError != nil {
		out.LastError = s.lastError.Error()
	}
	if s.current != nil {
		p := s.current.gen
		out.Version, out.PID, out.Digest, out.InForce = p.description.Version, p.child.pid(), p.digest, p.inForce
	}
	for _, name := range s.names() {
		i := InstanceStatus{Name: name}
		if err := s.instances[name].err; err != nil {
			i.Error = err.Error()
		}
		out.Instances = append(out.Instances, i)
	}
	return out
}

// compareTexts orders by a pair of texts.
func compareTexts(a1, b1, a2, b2 string) int {
	return cmp.Or(strings.Compare(a1, b1), strings.Compare(a2, b2))
}
