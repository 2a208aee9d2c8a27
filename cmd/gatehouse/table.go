package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// printJSON writes a value for programs. Its shape is that of the admin API.
func (t *terminal) printJSON(v any) error {
	e := json.NewEncoder(t.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// column is one of a table. What is cut to fit the width is text for people:
// an id that was cut could not be copied.
type column struct {
	title string
	cut   bool
}

const (
	gap      = 2 // spaces between columns
	narrowed = 8 // columns that a cut one keeps
)

// table writes rows in columns that fit the width if the cut ones allow it.
func (t *terminal) table(columns []column, rows [][]string) error {
	widths := make([]int, len(columns))
	total := -gap
	for i, c := range columns {
		widths[i] = len(c.title)
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		total += widths[i] + gap
	}
	for i := len(columns) - 1; i >= 0 && total > t.room(); i-- {
		if columns[i].cut {
			narrow := max(narrowed, len(columns[i].title), widths[i]-(total-t.room()))
			total -= max(0, widths[i]-narrow)
			widths[i] = min(widths[i], narrow)
		}
	}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	for n, row := range append([][]string{titles}, rows...) {
		var line strings.Builder
		for i, cell := range row {
			cell = shorten(cell, widths[i])
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+gap))
		}
		text := painted(clean(strings.TrimRight(line.String(), " ")))
		if n == 0 {
			text = t.bold(string(text))
		}
		if err := t.printf("%s\n", text); err != nil {
			return err
		}
	}
	return nil
}

func shorten(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

// field is one line of what is shown of one thing; one without a value is left
// out.
type field struct{ name, value string }

// room is how wide a line may be whose texts would be cut. Another program is given
// all of them.
func (t *terminal) room() int {
	if t.piped {
		return math.MaxInt
	}
	return t.width
}

func (t *terminal) fields(list []field) error {
	width := 0
	for _, f := range list {
		width = max(width, len(f.name))
	}
	for _, f := range list {
		if f.value == "" {
			continue
		}
		if err := t.printf("  %s%s  %s\n", f.name, strings.Repeat(" ", width-len(f.name)), f.value); err != nil {
			return err
		}
	}
	return nil
}

// paragraphs are fields whose values go on in further lines where the terminal
// is too narrow; one without a value is left out.
func (t *terminal) paragraphs(indent string, list []field) error {
	width := 0
	for _, f := range list {
		if f.value != "" {
			width = max(width, utf8.RuneCountInString(f.name))
		}
	}
	for _, f := range list {
		if f.value == "" {
			continue
		}
		begin := indent
		if width > 0 {
			begin += f.name + strings.Repeat(" ", width-utf8.RuneCountInString(f.name)+gap)
		}
		for _, line := range wrap(f.value, t.width-utf8.RuneCountInString(begin)) {
			if err := t.printf("%s%s\n", begin, line); err != nil {
				return err
			}
			begin = strings.Repeat(" ", utf8.RuneCountInString(begin))
		}
	}
	return nil
}

// wrap breaks a text between words. A word that is longer stands alone.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// relative says when something was or will be, as people count it.
func relative(at, now time.Time, never string) string {
	switch d := at.Sub(now); {
	case at.IsZero():
		return never
	case d > 0:
		return "in " + roughly(d)
	case d > -time.Second:
		return "now"
	default:
		return roughly(-d) + " ago"
	}
}

// roughly is a time span in its largest unit. It is rounded down: nobody is
// told of more time than there is.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / unit.length); n == 1 {
			return "1 " + unit.name
		} else if n > 1 {
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	if n := int(d / time.Second); n != 1 {
		return fmt.Sprintf("%d seconds", n)
	}
	return "1 second"
}

// orNone lists words, or says that there are none.
func orNone(words []string, none string) string {
	if len(words) == 0 {
		return none
	}
	return strings.Join(words, ", ")
}
