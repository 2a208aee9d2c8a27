package directory

import "time"

// Change is one thing to do in the directory: Create, Replace, Delete or
// Members. Those that are given to Apply together are done together or not at
// all, in their order.
//
// The errors of Apply are Problems: Conflict where a userName, or a group's
// external id, is taken, Changed where the version is not the expected one, NotFound where
// the resource is not there (which is also said of another connection's),
// Invalid for what the model does not allow, Unavailable with a RetryAfter where
// it cannot be done now.
type Change interface{ change() }

// Create makes a resource. Its version and its times are the host's to set.
//
// With Adopt, a user whose userName belongs to a user of the organization that
// no connection provisions becomes the connection's, with the id that they have
// had. Without it the name is taken.
type Create struct {
	Resource Resource
	Adopt    bool
}

// Replace gives a resource its external id and its attributes anew. Where they
// are what they were nothing is changed, and the version stays.
type Replace struct {
	Resource Resource // its Version is the expected one; 0 expects none
}

// Delete removes a resource. A user's name may be used again at once.
type Delete struct {
	Type    Type
	ID      string
	Version int64 // the expected one; 0 expects none
}

// Members changes who is a member of a group. Whoever is added twice, or
// removed without being one, is no error.
type Members struct {
	Group   string // id
	Version int64  // the expected one, before all of this Apply; 0 expects none

	// All says that those of Add are to be all members. Else Remove is taken away
	// and Add is added.
	All    bool
	Add    []string
	Remove []string

	// SkipUnknown leaves out ids of Add that the connection has no user or group
	// of; they are in the Outcome. Without it they are an error (Invalid).
	SkipUnknown bool
}

func (Create) change()  {}
func (Replace) change() {}
func (Delete) change()  {}
func (Members) change() {}

// Outcome says what became of one Change.
type Outcome struct {
	ID                string // of the resource, which with Adopt may be another than was given
	Version           int64
	Created, Modified time.Time
	Changed           bool     // false: it was so already
	Adopted           bool     // an existing user became the connection's
	Unknown           []string // ids that were left out
}
