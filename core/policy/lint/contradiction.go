package lint

import (
	"fmt"
	"slices"
	"strings"
)

// contradiction says why checks cannot all hold; "" where they perhaps can.
func contradiction(all []atom) string {
	have := map[string]bool{}
	equals := map[string]string{} // what each subject is
	for _, a := range all {
		if have[a.opposite().key()] {
			return said(a) + " and the opposite are asked for"
		}
		have[a.key()] = true
		if why := impossible(a); why != "" {
			return why
		}
		if a.op != "==" || a.negated {
			continue
		}
		if before, ok := equals[a.subject]; ok && before != a.text {
			return fmt.Sprintf("%s cannot be both %q and %q", a.subject, before, a.text)
		}
		equals[a.subject] = a.text
	}
	for _, a := range all {
		for _, about := range []string{a.subject, strings.TrimSuffix(strings.TrimPrefix(a.subject, lowered), ")")} {
			value, ok := equals[about]
			if !ok {
				continue
			}
			if about != a.subject {
				value = strings.ToLower(value)
			}
			if holds, known := a.of(value); known && !holds {
				return fmt.Sprintf("%s does not hold where %s is %q", said(a), about, equals[about])
			}
		}
	}
	return ""
}

// impossible says why a check cannot hold by itself.
func impossible(a atom) string {
	if strings.HasPrefix(a.subject, lowered) && !a.negated && strings.ToLower(a.text) != a.text && slices.Contains([]string{"==", "startswith", "endswith"}, a.op) {
		return fmt.Sprintf("%s is in lower case, and %q is not", a.subject, a.text)
	}
	return ""
}

// of tells whether the check holds for a value of its subject.
func (a atom) of(value string) (holds, known bool) {
	switch a.op {
	case "==":
		holds = value == a.text
	case "startswith":
		holds = strings.HasPrefix(value, a.text)
	case "endswith":
		holds = strings.HasSuffix(value, a.text)
	default:
		return false, false
	}
	return holds != a.negated, true
}

// said is a check as it would be written.
func said(a atom) string {
	text := fmt.Sprintf("%s(%s, %q)", a.op, a.subject, a.text)
	switch {
	case a.op == "?":
		return "a comparison"
	case a.op == "==" && a.negated:
		return fmt.Sprintf("%s != %q", a.subject, a.text)
	case a.op == "==":
		return fmt.Sprintf("%s == %q", a.subject, a.text)
	case a.negated:
		return "!" + text
	}
	return text
}
