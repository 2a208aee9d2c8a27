//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// way is how a figure is held against its floor and its goal.
type way int

const (
	share way = iota // figure / floor, at least the goal
	added            // figure - floor, at most the goal
	alone            // figure, at most the goal; the floor is shown
	least            // figure, at least the goal
	times            // figure / floor, at most the goal
)

// row is one line of the table. Figures and floors are of the same rounds, so
// that what the machine did in a round happened to both.
type row struct {
	name, unit string
	way        way
	goal       float64 // 0 is none
	figures    []float64
	floors     []float64

	// byCPU is the same ratio of the CPU times of one request: of a share the
	// floor's over the figure's. On a machine that has nothing else to do it is
	// as good, and on any other better.
	byCPU []float64
}

func (r *row) add(figure, floor float64) {
	r.figures = append(r.figures, figure)
	r.floors = append(r.floors, floor)
}

// addSpeed adds what a run has seen beside that of the floor.
func (r *row) addSpeed(figure, floor sample) {
	r.add(figure.perSecond(), floor.perSecond())
	r.byCPU = append(r.byCPU, floor.cpu/figure.cpu)
}

// addTimes adds the median time that one request took beside that of the floor.
func (r *row) addTimes(figure, floor sample) {
	r.add(figure.typical(), floor.typical())
	r.byCPU = append(r.byCPU, figure.cpu/floor.cpu)
}

// measures are what is held against the goal, one for each round.
func (r *row) measures() []float64 {
	list := make([]float64, len(r.figures))
	for i, f := range r.figures {
		switch r.way {
		case share, times:
			list[i] = f / r.floors[i]
		case added:
			list[i] = f - r.floors[i]
		case alone, least:
			list[i] = f
		}
	}
	return list
}

// verdict says how the median stands to the goal. What is an order of magnitude
// off is a mistake of design and not of tuning.
func (r *row) verdict() string {
	if r.goal == 0 || len(r.figures) == 0 {
		return ""
	}
	m := median(r.measures())
	short, far := m > r.goal, m > 10*r.goal
	switch r.way { //nolint:exhaustive // of the others less is better too
	case share:
		if len(r.byCPU) > 0 { // of two ratios that differ, the better one is the machine's doing
			m = min(m, median(r.byCPU))
		}
		short, far = m < r.goal, m < r.goal/10
	case least:
		short, far = m < r.goal, m < r.goal/10
	}
	switch {
	case far:
		return "AN ORDER OF MAGNITUDE OFF"
	case short:
		return "missed"
	}
	return "reached"
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func spread(list []float64, format func(float64) string) string {
	if len(list) < 2 {
		return format(median(list))
	}
	return fmt.Sprintf("%s (%s-%s)", format(median(list)), format(slices.Min(list)), format(slices.Max(list)))
}

func number(f float64) string {
	switch {
	case f >= 1000 || f <= -1000:
		return fmt.Sprintf("%.0f", f)
	case f >= 10 || f <= -10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

func signed(f float64) string {
	if f < 0 {
		return number(f)
	}
	return "+" + number(f)
}

func percent(f float64) string { return fmt.Sprintf("%.1f%%", f*100) }

func printTable(w io.Writer, rows []*row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	columns := []string{"FIGURE", "MEDIAN (MIN-MAX)", "FLOOR", "RATIO", "BY CPU", "GOAL", ""}
	if _, err := fmt.Fprintln(t, strings.Join(columns, "\t")); err != nil {
		return err
	}
	for _, r := range rows {
		if len(r.figures) == 0 {
			continue
		}
		var held, goal, floor, byCPU string
		if len(r.byCPU) > 0 {
			if byCPU = percent(median(r.byCPU)); r.way == times {
				byCPU = number(median(r.byCPU)) + "x"
			}
		}
		if slices.Max(r.floors) > 0 {
			floor = spread(r.floors, number)
		}
		switch r.way {
		case share:
			held, goal = spread(r.measures(), percent), ">= "+percent(r.goal)
		case added:
			held, goal = spread(r.measures(), signed)+" "+r.unit, "<= +"+number(r.goal)+" "+r.unit
		case alone:
			if floor != "" {
				held = number(median(r.figures)/median(r.floors)) + "x"
			}
			goal = "<= " + number(r.goal) + " " + r.unit
		case least:
			goal = ">= " + number(r.goal) + " " + r.unit
		case times:
			held, goal = spread(r.measures(), number)+"x", "<= "+number(r.goal)+"x"
		}
		if r.goal == 0 {
			goal = ""
		}
		if floor == "" && r.way != alone && r.way != least { // it is a floor itself
			held = ""
		}
		_, err := fmt.Fprintf(t, "%s\t%s %s\t%s\t%s\t%s\t%s\t%s\n", r.name, spread(r.figures, number), r.unit, floor, held, byCPU, goal, r.verdict())
		if err != nil {
			return err
		}
	}
	return t.Flush()
}
