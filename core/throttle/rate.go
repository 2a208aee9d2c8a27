package throttle

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Rate is how many requests a client may make, in an hour; 0 does not limit.
type Rate int64

// RateForm is how a rate is written, as a regular expression.
const RateForm = `([1-9][0-9]{0,5}|1000000)/[smh]`

var rateForm = regexp.MustCompile(`^(?:` + RateForm + `)$`)

var perHour = []struct {
	unit string
	n    Rate
}{{"s", 3600}, {"m", 60}, {"h", 1}}

// RateRule is the form of a rate, for messages.
const RateRule = `A rate is a whole number of requests for each second, minute or hour, such as "100/s", "600/m" or "50/h"; at most 1000000 of them.`

// ParseRate reads a rate as people write it.
func ParseRate(text string) (Rate, error) {
	if !rateForm.MatchString(text) {
		return 0, fmt.Errorf("%q is no rate", text)
	}
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseInt(number, 10, 64)
	for _, u := range perHour {
		if unit == u.unit {
			return Rate(n) * u.n, err
		}
	}
	return 0, fmt.Errorf("%q is no rate", text)
}

// String is the rate in the shortest unit that it is a whole number of; "" is none.
func (r Rate) String() string {
	for _, u := range perHour {
		if r > 0 && r%u.n == 0 {
			return strconv.FormatInt(int64(r/u.n), 10) + "/" + u.unit
		}
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
