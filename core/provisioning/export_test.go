package provisioning

// What tests of parsers reach for.
var (
	Presented = presented
	Target    = target
	Within    = within
)
