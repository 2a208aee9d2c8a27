package config

// Code names a kind of mistake in a configuration. Codes are stable: editors
// and scripts may depend on them, and a code that is no longer given is not
// used again.
type Code string

// The closed list of codes.
const (
	CodeSyntax       Code = "CFG001" // the file is no HCL, or is larger than a file may be
	CodeBlock        Code = "CFG010" // a block that is not known here
	CodeAttribute    Code = "CFG011" // an attribute that is not known here
	CodeMissing      Code = "CFG012" // a required attribute or block is missing
	CodeType         Code = "CFG013" // a value of another type
	CodeLabel        Code = "CFG014" // too few or too many labels, or one that is no name
	CodeDuplicate    Code = "CFG015" // two of what may stand once
	CodeExpression   Code = "CFG016" // an expression that is not allowed here
	CodeValue        Code = "CFG017" // a value of the right type that means nothing
	CodeConflict     Code = "CFG018" // two attributes that exclude each other
	CodeReference    Code = "CFG019" // a name that nothing declares
	CodeUnresolved   Code = "CFG020" // env() or file() gave no value
	CodeLiteral      Code = "CFG021" // a secret that is written into the file
	CodeDeprecated   Code = "CFG022" // a warning: there is something better
	CodeEnded        Code = "CFG023" // a warning: what the block declares is past its end
	CodePlugin       Code = "CFG030" // the plugin's own complaint
	CodePluginSchema Code = "CFG031" // the plugin declares what it cannot
	CodePolicy       Code = "CFG040" // a mapping or route that the policy cannot take
	CodeTest         Code = "CFG041" // a test of role mappings that fails
	CodeRestart      Code = "CFG050" // a warning: a running host goes on with what it started with

	// Of gatehouse policy check: what has no effect. Each is a warning there.
	CodeRoleUnused       Code = "CFG060" // nothing in the files gives the role
	CodeMappingNever     Code = "CFG061" // nobody can fulfil the mapping, or a part of it
	CodeMappingIdle      Code = "CFG062" // who fulfils the mapping has its roles by another
	CodeUntested         Code = "CFG063" // no test mentions it
	CodePermissionNone   Code = "CFG064" // a route asks for what no role has
	CodeRouteUnreachable Code = "CFG065" // for all its requests another route is more specific
)

// meanings is the list of codes as the reference shows it.
var meanings = []struct {
	code Code
	text string
}{
	{CodeSyntax, "The file is no HCL, or is larger than a file may be."},
	{CodeBlock, "A block that is not known here."},
	{CodeAttribute, "An attribute that is not known here."},
	{CodeMissing, "A required attribute or block is missing."},
	{CodeType, "A value of another type than the attribute has."},
	{CodeLabel, "Too few or too many labels, or one that is no name."},
	{CodeDuplicate, "Two of what may stand once."},
	{CodeExpression, "An expression that is not allowed here."},
	{CodeValue, "A value of the right type that is not usable."},
	{CodeConflict, "Two attributes that exclude each other."},
	{CodeReference, "A name that nothing declares."},
	{CodeUnresolved, "`env()` or `file()` gave no value."},
	{CodeLiteral, "A secret that is written into the file."},
	{CodeDeprecated, "A warning: the attribute has a successor."},
	{CodeEnded, "A warning: the client is past its end, and its keys are refused."},
	{CodePlugin, "The plugin's own complaint."},
	{CodePluginSchema, "The plugin declares a block that cannot be configured."},
	{CodePolicy, "A mapping or a route that the policy cannot take."},
	{CodeTest, "A test of role mappings that fails."},
	{CodeRestart, "A warning: a running host goes on with what it started with."},
	{CodeRoleUnused, "Of `gatehouse policy check`: nothing in the files gives the role."},
	{CodeMappingNever, "Of the same: nobody can fulfil the mapping, or a part of it."},
	{CodeMappingIdle, "Of the same: who fulfils the mapping has its roles by another."},
	{CodeUntested, "Of the same: no test mentions the group, or tries the connection."},
	{CodePermissionNone, "Of the same: the route asks for a permission that no role has."},
	{CodeRouteUnreachable, "Of the same: for all its requests another route is more specific."},
}
