package scim

import (
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// kind is a resource type with what its answers need.
type kind struct {
	*schema.ResourceType
	whole *plan // what is shown to who does not ask for less
}

func newKind(rt *schema.ResourceType) *kind {
	k := &kind{ResourceType: rt}
	k.whole = k.newPlan(false, nil, nil)
	return k
}

func (k *kind) group() bool { return k.Type() == directory.Group }
func (k *kind) user() bool  { return k.Type() == directory.User }

// location is the URL of a resource.
func (k *kind) location(base, id string) string { return base + k.Endpoint + "/" + id }

// isExtension tells the name of an extension among the attributes of a document.
func (k *kind) isExtension(name string) bool {
	for _, e := range k.Extensions {
		if e.ID == name {
			return true
		}
	}
	return false
}
