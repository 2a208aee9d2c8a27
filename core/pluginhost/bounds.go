//go:build unix

package pluginhost

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	label        = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	instanceName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}([/.][a-z][a-z0-9-]{0,62}){0,2}$`)
)

// checkText refuses a text of a plugin's that is longer than it can be in
// earnest, or that would do something to the terminal or page that shows it.
func checkText(what, text string, least, most int) error {
	switch {
	case len(text) < least:
		return fmt.Errorf("%s is missing", what)
	case len(text) > most:
		return fmt.Errorf("%s is %d bytes long, %d are allowed", what, len(text), most)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s is not UTF-8", what)
	case strings.ContainsFunc(text, forbiddenRune):
		return fmt.Errorf("%s has control characters", what)
	}
	return nil
}

func forbiddenRune(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// checkCount refuses a list that is longer than it can be in earnest.
func checkCount(what string, n, most int) error {
	if n > most {
		return fmt.Errorf("%d %s, %d are allowed", n, what, most)
	}
	return nil
}

// checkAttributes checks a map of a plugin's texts.
func checkAttributes(attributes map[string]string, most int) error {
	if err := checkCount("attributes", len(attributes), most); err != nil {
		return err
	}
	for key, value := range attributes {
		if err := checkText("the name of an attribute", key, 1, 64); err != nil {
			return err
		}
		if err := checkText("attribute "+key, value, 0, 1024); err != nil {
			return err
		}
	}
	return nil
}
