package main

import (
	"fmt"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// progress is a bar that goes where it stands.
type progress struct {
	t     *terminal
	on    bool
	drawn bool
}

const barWidth = 30

func (p *progress) show(now admin.PlanProgress) {
	if !p.on || now.Total <= 0 {
		return
	}
	full := min(barWidth, barWidth*now.Done/now.Total)
	// It goes to where the terminal shows errors, so that it is in no file.
	fmt.Fprintf(p.t.err, "\r[%s%s] %d of %d", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), now.Done, now.Total)
	p.drawn = true
}

// end takes the bar away.
func (p *progress) end() {
	if p.drawn {
		fmt.Fprintf(p.t.err, "\r%s\r", strings.Repeat(" ", p.t.width-1))
	}
}
