package dialect

import (
	"encoding/json"
	"strings"
)

// Boolean reads true and false where they are written as texts or digits:
// "True", "false", "1", 0.
func Boolean(v any) (value, ok bool) {
	text, isText := v.(string)
	if n, isNumber := v.(json.Number); isNumber {
		text, isText = n.String(), true
	}
	switch {
	case !isText || len(text) > len("false"):
		return false, false
	case text == "1", strings.EqualFold(text, "true"):
		return true, true
	case text == "0", strings.EqualFold(text, "false"):
		return false, true
	}
	return false, false
}
