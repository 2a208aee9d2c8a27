package host

import "testing"

// TestRest looks at the runtime every half minute, as the host does.
func TestRest(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, tt := range []struct {
		name string
		look []spent
		want []bool
	}{
		{"a busy host", []spent{{100 * mib, 3}, {200 * mib, 5}, {300 * mib, 7}}, []bool{false, false, false}},
		{"rest after traffic", []spent{{100 * mib, 3}, {101 * mib, 3}}, []bool{false, true}},
		{"rest goes on", []spent{{100 * mib, 3}, {101 * mib, 3}, {102 * mib, 3}, {103 * mib, 4}}, []bool{false, true, false, false}},
		{"little at a time", []spent{{20 * mib, 1}, {21 * mib, 1}, {40 * mib, 1}, {60 * mib, 1}}, []bool{false, false, true, false}},
		{"it looked before anything was collected", []spent{{40 * mib, 0}}, []bool{true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var o outlay
			for i, now := range tt.look {
				if got := o.rests(now); got != tt.want[i] {
					t.Errorf("look %d: it rests: %v, want %v", i+1, got, tt.want[i])
				} else if got {
					o.returned = now.allocated
				}
			}
		})
	}
}
