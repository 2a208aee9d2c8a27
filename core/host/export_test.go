package host

// NewUndeclared makes what is told of answers for organizations that are not
// declared.
var NewUndeclared = newUndeclared

// Seen tells it of one.
var Seen = (*undeclared).seen

// The sentences of explanations.
var (
	StandingOf       = standing
	RoleSentence     = roleSentence
	RoleAnswerOf     = roleAnswer
	RequestSentences = requestSentences
)
