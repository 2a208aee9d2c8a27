package plugintest

import (
	"crypto/rand"
	"slices"

	"github.com/gatehouse-id/gatehouse/sdk/instance"
)

// Keys are the instance's, the newest first. The first is made when it is
// first asked for.
func (h *Harness) Keys(name string) []instance.Key {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.keysOf(name).keys)
}

// RotateKey adds a key to the instance's; it is in force with the next
// Configure or Restart.
func (h *Harness) RotateKey(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.keysOf(name)
	c.keys = slices.Insert(c.keys, 0, newKey())
}

// DropOldKeys leaves the instance only its newest key, from the next Configure
// or Restart on.
func (h *Harness) DropOldKeys(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.keysOf(name)
	c.keys = c.keys[:1]
}

func (h *Harness) keysOf(name string) *configured {
	c, ok := h.instances[name]
	if !ok {
		c = &configured{keys: []instance.Key{newKey()}}
		h.instances[name] = c
	}
	return c
}

func newKey() instance.Key {
	k := instance.Key{ID: rand.Text()[:16], Key: make([]byte, 32)}
	_, _ = rand.Read(k.Key) // never fails, as crypto/rand says
	return k
}
