//go:build linux && !amd64 && !arm64

package confine

import "errors"

// filterable says that no filter was written for this architecture.
const filterable = false

func (p Profile) filter() error { return errors.New("there is no filter for this architecture") }
