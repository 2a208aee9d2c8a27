//go:build unix

package pluginhost

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// binaryLimit bounds what is copied to be run, in bytes.
const binaryLimit = 512 << 20

// pinned is a copy of an external plugin's binary that nobody can change any
// more, and whose digest was compared.
type pinned struct {
	path   string   // what to execute
	file   *os.File // given to the process as descriptor 3; nil where path is a file of ours
	sealed bool
	digest string
}

// pin copies the binary while it is hashed, and refuses it if the digest is
// not the wanted one. What runs is the copy: a file that was checked can be
// replaced, and one that is held open can be overwritten, before it is
// executed.
func pin(path, want, folder string) (*pinned, error) {
	wanted, err := hex.DecodeString(want)
	if err != nil || len(wanted) != sha256.Size {
		return nil, problem.New(problem.Invalid, "the SHA-256 of plugin binary %q is not 64 hexadecimal digits", path)
	}
	source, err := openBinary(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = source.Close() }()
	var sum []byte
	p, err := seal(folder, func(to io.Writer) error {
		sum, err = copyHashed(to, source, path)
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(sum, wanted) != 1 {
			return problem.New(problem.Invalid, "plugin binary %q has the SHA-256 %x, and %x was expected: it does not run", path, sum, wanted).
				WithHint("If the binary was replaced on purpose, write its new digest into the plugin's block.")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.digest = hex.EncodeToString(sum)
	return p, nil
}

func copyHashed(to io.Writer, from io.Reader, path string) ([]byte, error) {
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(hash, to), io.LimitReader(from, binaryLimit+1))
	if err != nil {
		return nil, fmt.Errorf("copying plugin binary %q: %w", path, err)
	}
	if n > binaryLimit {
		return nil, problem.New(problem.Invalid, "plugin binary %q is larger than %d MiB", path, binaryLimit>>20)
	}
	return hash.Sum(nil), nil
}

// openBinary opens a regular file that only its owner and group can change, in
// a folder of which the same is true.
func openBinary(path string) (*os.File, error) {
	if !filepath.IsAbs(path) {
		return nil, problem.New(problem.Invalid, "the path of plugin binary %q is not absolute", path)
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "plugin binary %q cannot be read: %v", path, err)
	}
	if folder.Mode().Perm()&0o002 != 0 {
		return nil, problem.New(problem.Invalid, "plugin binary %q is in a folder that everybody may write to", path)
	}
	// O_NONBLOCK: opening a named pipe must not wait for a writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		if info, e := os.Lstat(path); e == nil && info.Mode()&os.ModeSymlink != 0 {
			return nil, problem.New(problem.Invalid, "plugin binary %q is a symbolic link: give the path of the file itself", path)
		}
		return nil, problem.Wrap(err, problem.Invalid, "plugin binary %q cannot be read: %v", path, err)
	}
	if err := checkBinary(file, path); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func checkBinary(file *os.File, path string) error {
	info, err := file.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("plugin binary %q: %w", path, err)
	case !info.Mode().IsRegular():
		return problem.New(problem.Invalid, "plugin binary %q is no regular file", path)
	case info.Mode().Perm()&0o002 != 0:
		return problem.New(problem.Invalid, "plugin binary %q can be changed by everybody (mode %s)", path, info.Mode().Perm())
	}
	return nil
}
