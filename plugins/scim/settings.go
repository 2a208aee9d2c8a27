package scim

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// settings are what the block says.
type settings struct {
	Strict        bool                `json:"strict"`
	Adopt         bool                `json:"adopt"`
	Dialect       string              `json:"dialect"`
	Quirks        []string            `json:"quirks"`
	PageSize      count               `json:"page_size"`
	MaxResults    count               `json:"max_results"`
	Bulk          count               `json:"bulk_max_operations"`
	BulkBytes     count               `json:"bulk_max_payload"`
	Extensions    []extensionSettings `json:"extension"`
	ResourceTypes []typeSettings      `json:"resource_type"`
}

// count is a number of things. One that is not whole is none, which readSettings
// refuses.
type count int

// UnmarshalJSON implements json.Unmarshaler.
func (c *count) UnmarshalJSON(text []byte) error {
	var n float64
	if err := json.Unmarshal(text, &n); err != nil {
		return fmt.Errorf("reading a number: %w", err)
	}
	if *c = 0; n == math.Trunc(n) && math.Abs(n) < math.MaxInt32 {
		*c = count(n)
	}
	return nil
}

// The defaults, and the most that can be set.
const (
	defaultPage      = 100
	defaultBulk      = 1000
	defaultBulkBytes = 1 << 20
	mostBulk         = 10_000
	mostBulkBytes    = 16 << 20
)

func block() schema.Schema {
	return schema.Schema{
		Attributes: []schema.Attribute{
			{
				Name: "strict", Type: schema.Bool, Default: false, Example: "true",
				Doc: "Reads requests by the letter of RFC 7643 and RFC 7644. Without it, what the common identity providers send otherwise " +
					"is understood as they mean it, and each such request is noted in the connection's traffic log.",
			},
			{
				Name: "adopt", Type: schema.Bool, Default: false, Example: "true",
				Doc: "A user who is created, and whose userName a user of the organization has whom no connection provisions, becomes that user. " +
					"Without it the answer is 409.",
			},
			{
				Name: "dialect", Type: schema.String, Example: `"entra"`,
				Doc: "Whose ways of writing requests are understood: okta, entra, onelogin, ping, jumpcloud or generic. " +
					"It is the connection's provider unless set.",
			},
			{
				Name: "quirks", Type: schema.Strings, Example: `["capital-ops", "remove-values"]`,
				Doc: "A dialect of one's own instead: the [quirks](scim-quirks.md) that are understood, by their names.",
			},
			{
				Name: "page_size", Type: schema.Number, Default: float64(defaultPage), Example: "200",
				Doc: "How many resources a page has where the request does not say it.",
			},
			{
				Name: "max_results", Type: schema.Number, Default: float64(directory.PageLimit), Example: "500",
				Doc: "How many resources a page has at most, up to 1000.",
			},
			{
				Name: "bulk_max_operations", Type: schema.Number, Default: float64(defaultBulk), Example: "500",
				Doc: "How many operations one Bulk request has at most, up to 10000.",
			},
			{
				Name: "bulk_max_payload", Type: schema.Number, Default: float64(defaultBulkBytes), Example: "4194304",
				Doc: "How many bytes one Bulk request has at most, up to 16777216.",
			},
		},
		Blocks: []schema.Block{extensionBlock(), typeBlock()},
	}
}

// readSettings reads the block, and checks its numbers.
func readSettings(c instance.Config) (settings, diag.Diagnostics) {
	s := settings{PageSize: defaultPage, MaxResults: directory.PageLimit, Bulk: defaultBulk, BulkBytes: defaultBulkBytes}
	ds := c.Decode(&s)
	if ds.HasErrors() {
		return s, ds
	}
	for _, n := range []struct {
		name  string
		value *count
		most  count
		other count // what is taken while the value is not known
	}{
		{"max_results", &s.MaxResults, directory.PageLimit, directory.PageLimit},
		{"page_size", &s.PageSize, s.MaxResults, 1},
		{"bulk_max_operations", &s.Bulk, mostBulk, defaultBulk},
		{"bulk_max_payload", &s.BulkBytes, mostBulkBytes, defaultBulkBytes},
	} {
		switch {
		case c.IsUnknown(n.name):
			*n.value = n.other
		case *n.value < 1 || *n.value > n.most:
			ds.Errorf(diag.Path{n.name}, "Number out of bounds", "It must be a whole number from 1 to %d.", n.most)
		}
	}
	return s, ds
}
