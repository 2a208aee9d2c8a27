//go:build !race

package confine

// detectorShare is by how much the limit of memory is multiplied.
const detectorShare = 1
