//go:build unix && !linux

package pluginhost

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// seal makes an executable of what write puts out: a file in the private folder
// of the process, which only this host's user can change.
func seal(folder string, write func(io.Writer) error) (*pinned, error) {
	path := filepath.Join(folder, "plugin")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return nil, fmt.Errorf("a copy of the binary: %w", err)
	}
	if err := write(file); err != nil {
		_ = file.Close()
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("a copy of the binary: %w", err)
	}
	if err := os.Chmod(path, 0o500); err != nil {
		return nil, fmt.Errorf("a copy of the binary: %w", err)
	}
	return &pinned{path: path}, nil
}
