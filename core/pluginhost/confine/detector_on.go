//go:build race

package confine

// detectorShare is by how much the limit of memory is multiplied: the race
// detector keeps a shadow of it, and reserves more.
const detectorShare = 1 << 12
