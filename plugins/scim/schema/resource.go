package schema

import (
	"fmt"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// ResourceType is a kind of resource (RFC 7643 §6). Make one with
// NewResourceType.
type ResourceType struct {
	Name, Endpoint, Description string
	Schema                      *Schema
	Extensions                  []*Schema

	common  []Attribute
	names   map[string]Target  // lower-case names of the core's and common attributes
	foreign map[string]*Target // of the extensions'; nil where two have it
}

// NewResourceType makes a resource type. A schema is for one of its places only,
// and an extension has no attribute twice.
func NewResourceType(name, endpoint, description string, core *Schema, extensions ...*Schema) (*ResourceType, error) {
	if !directory.Type(name).Check() {
		return nil, fmt.Errorf("%q cannot be the name of a resource type", name)
	}
	rt := &ResourceType{
		Name: name, Endpoint: endpoint, Description: description, Schema: core, Extensions: extensions,
		common: Common(), names: map[string]Target{}, foreign: map[string]*Target{},
	}
	urns := map[string]bool{strings.ToLower(core.ID): true}
	for i := range rt.common {
		rt.names[strings.ToLower(rt.common[i].Name)] = Target{Path: directory.Path{rt.common[i].Name}, Attribute: &rt.common[i]}
	}
	for i := range core.Attributes {
		a := &core.Attributes[i]
		key := strings.ToLower(a.Name)
		if _, taken := rt.names[key]; taken {
			return nil, fmt.Errorf("the schema %s has the attribute %s twice, or it is one that every resource has", core.ID, a.Name)
		}
		rt.names[key] = Target{Path: directory.Path{a.Name}, Attribute: a}
	}
	for _, e := range extensions {
		if key := strings.ToLower(e.ID); urns[key] {
			return nil, fmt.Errorf("the schema %s is there twice", e.ID)
		}
		urns[strings.ToLower(e.ID)] = true
		own := map[string]bool{}
		for i := range e.Attributes {
			a := &e.Attributes[i]
			key := strings.ToLower(a.Name)
			if own[key] {
				return nil, fmt.Errorf("the schema %s has the attribute %s twice", e.ID, a.Name)
			}
			own[key] = true
			if _, twice := rt.foreign[key]; twice {
				rt.foreign[key] = nil
				continue
			}
			rt.foreign[key] = &Target{Path: directory.Path{e.ID, a.Name}, Extension: e, Attribute: a}
		}
	}
	return rt, nil
}

// Users is the resource type of users, with the enterprise extension and others.
func Users(extensions ...*Schema) (*ResourceType, error) {
	return NewResourceType("User", "/Users", "User Account", User(), append([]*Schema{EnterpriseUser()}, extensions...)...)
}

// Groups is the resource type of groups.
func Groups(extensions ...*Schema) (*ResourceType, error) {
	return NewResourceType("Group", "/Groups", "Group", Group(), extensions...)
}

// Type is the resource type as the directory knows it.
func (rt *ResourceType) Type() directory.Type { return directory.Type(rt.Name) }

// HasMembers reports whether it is the type whose members are resources: that
// of groups. They are no attribute of the document.
func (rt *ResourceType) HasMembers() bool { return rt.Schema.ID == GroupURN }

// Extension finds an extension by its URN, in whatever case.
func (rt *ResourceType) Extension(urn string) *Schema {
	for _, e := range rt.Extensions {
		if Same(e.ID, urn) {
			return e
		}
	}
	return nil
}
