//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

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
	folder, err := os.Open(p.folder)
	if err != nil {
		return fmt.Errorf("looking at its folder: %w", err)
	}
	defer func() { _ = folder.Close() }()
	names, err := folder.Readdirnames(folderLimit + 1)
	if len(names) > folderLimit {
		return fmt.Errorf("it has made more than %d files", folderLimit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("looking at its folder: %w", err)
	}
	return nil
}
