package patch

// IDs stands in a body for a list of members that each have a value, the id, and
// nothing else that counts. A hundred thousand of them are a few megabytes so,
// and many times that as objects. None is "" or longer than an id can be.
type IDs []string

func (ids IDs) written() []writtenMember {
	out := make([]writtenMember, len(ids))
	for i, id := range ids {
		out[i].id = id
	}
	return out
}
