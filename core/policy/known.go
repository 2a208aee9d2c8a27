package policy

// ClientAttributes are the names that mappings of clients may use, sorted.
func ClientAttributes() []string { return clientAttributes().names() }

// IsList reports whether an attribute of users or of clients, by its whole name,
// is a list of texts. The others are texts.
func IsList(attribute string) bool {
	return userAttributes()[attribute] == list || clientAttributes()[attribute] == list
}

// Takes reports whether Compile would take a mapping, whatever roles there are.
func Takes(m Mapping) bool {
	c := compilation{permissions: map[string]bool{}}
	c.mapping(m)
	return !c.diags.HasErrors()
}
