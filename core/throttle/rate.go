package throttle

import (
	"fmt"
	"strconv"
	"strings"
)

// Rate is how many requests a client may make, in an hour; 0 does not limit.
type Rate int64

// maxRate is a million requests a second.
const maxRate = 1_000_000 * 3600

var perHour = []struct {
	unit string
	n    Rate
}{{"s", 3600}, {"m", 60}, {"h", 1}}

// RateRule is the form of a rate, for messages.
const RateRule = `A rate is a whole number of requests for each second, minute or hour, such as "100/s", "600/m" or "50/h"; at most 1000000/s.`

// ParseRate reads a rate as people write it.
func ParseRate(text string) (Rate, error) {
	number, unit, _ := strings.Cut(text, "/")
	for _, u := range perHour {
		if unit != u.unit {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 1 || n > int64(maxRate/u.n) || strings.HasPrefix(number, "+") {
			break
		}
		return Rate(n) * u.n, nil
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
