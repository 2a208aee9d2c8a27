package plugintest

import (
	"context"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc/directoryv1"
)

// Directory is the directory of a connection: that of its instances, whose names
// begin with the connection's and a slash. A name without one is a connection of
// its own. It is empty at first, and outlives a Restart.
func (h *Harness) Directory(connection string) *Directory {
	h.host.mu.Lock()
	defer h.host.mu.Unlock()
	return h.host.directory(connection)
}

// SetProvider says which IdP's product a connection leads to, such as "okta". It
// is in force with the next Configure; without it a connection is of "generic".
func (h *Harness) SetProvider(connection, provider string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.providers[connection] = provider
}

// providerOf is what an instance is told: nothing outside of a connection.
func (h *Harness) providerOf(instance string) string {
	connection, _, within := strings.Cut(instance, "/")
	h.mu.Lock()
	defer h.mu.Unlock()
	if provider, ok := h.providers[connection]; ok || !within {
		return provider
	}
	return "generic"
}

// directory is that of an instance's connection. The lock is held.
func (h *host) directory(instance string) *Directory {
	connection, _, _ := strings.Cut(instance, "/")
	if h.people == nil {
		h.people = map[string]*Directory{}
	}
	if h.people[connection] == nil {
		h.people[connection] = NewDirectory()
	}
	return h.people[connection]
}

// openDirectory finds the directory of a live call.
func (h *host) openDirectory(ctx context.Context, handle string) (directoryv1.Directory, context.Context, context.CancelFunc, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	instance, err := h.scope(handle, hostsvc.DirectoryService)
	if err != nil {
		return nil, nil, nil, err
	}
	return h.directory(instance), ctx, func() {}, nil
}
