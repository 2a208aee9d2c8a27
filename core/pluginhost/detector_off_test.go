//go:build !race

package pluginhost_test

// detector says whether the test runs with the race detector.
const detector = false
