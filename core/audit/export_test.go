package audit

// MayHoldSecret and Secrets are the quick look and the expression it stands before.
var (
	MayHoldSecret = mayHoldSecret
	Secrets       = secrets
)
