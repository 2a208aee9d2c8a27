package reqpath

// What the tests look at.
var (
	Plain = plain
	Spell = spell
)
