package admin

// Covers is what scopes are compared with.
func Covers(pattern, permission string) bool { return covers(pattern, permission) }
