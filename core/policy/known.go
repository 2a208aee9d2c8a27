package policy

// ClientAttributes are the names that mappings of clients may use, sorted.
func ClientAttributes() []string { return clientAttributes().names() }

// IsList reports whether an attribute of users or of clients, by its whole name,
// is a list of texts. The others are texts, or true or false.
func IsList(attribute string) bool {
	return connectionAttributes()[attribute] == list || clientAttributes()[attribute] == list
}

// IsTruth reports whether one is true or false.
func IsTruth(attribute string) bool { return connectionAttributes()[attribute] == truth }

// SessionAttributes are those of how somebody signed on, sorted.
func SessionAttributes() []string { return sessionAttributes().names() }

// Takes reports whether Compile would take a mapping, whatever roles there are.
func Takes(m Mapping) bool {
	c := compilation{permissions: map[string]bool{}, groupPatterns: map[string]map[string]bool{}}
	c.mapping(m)
	return !c.diags.HasErrors()
}
