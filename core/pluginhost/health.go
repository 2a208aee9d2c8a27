//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// healthy asks the process whether it serves.
func (p *process) healthy(ctx context.Context) error {
	r, err := grpc_health_v1.NewHealthClient(p.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
	if err != nil {
		return boundedStatus(err)
	}
	if r.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("it says %s", r.GetStatus())
	}
	return p.tidy()
}

// folderLimit is how many files a process may have in its folder: a folder of
// empty files fills a disk too.
const folderLimit = 64

// tidy looks whether the process fills its folder.
func (p *process) tidy() error {
	found, err := files(p.folder, folderLimit+1)
	if err != nil {
		return fmt.Errorf("looking at its folder: %w", err)
	}
	if found > folderLimit {
		return fmt.Errorf("it has made more than %d files", folderLimit)
	}
	return nil
}

// files counts what is in a folder and in those below, up to most. A confined
// process can make no folders.
func files(path string, most int) (int, error) {
	folder, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = folder.Close() }()
	entries, err := folder.ReadDir(most)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	found := len(entries)
	for _, e := range entries {
		if !e.IsDir() || found >= most {
			continue
		}
		below, err := files(filepath.Join(path, e.Name()), most-found)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // go-plugin removes its own
			return 0, err
		}
		found += below
	}
	return found, nil
}
