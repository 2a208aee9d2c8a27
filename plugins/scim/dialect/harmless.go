package dialect

// harmless are the quirks that every dialect has. Either they lose no meaning,
// or to read them by the letter would take something away that nobody wanted to
// take: an IdP's administrator may have put another client behind the same
// token.
const harmless Set = 1<<MissingSchemas | 1<<UnknownSchemas | 1<<UnknownAttributes | 1<<ReadOnlyInPatch |
	1<<NullInPatch | 1<<EmptyStrings | 1<<TextBooleans | 1<<CapitalOps | 1<<RemoveAbsent | 1<<RemoveValues |
	1<<UnknownMembers | 1<<PutKeeps | 1<<EmptyElements | 1<<RepeatedElements | 1<<LooseValues | 1<<ManyPrimaries
