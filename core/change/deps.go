package change

// Deps is what a remembered answer depends on: cells, and the version that
// each had before the answer was made. The zero Deps is never fresh.
//
// Observe and Add are called by one goroutine while the answer is made;
// afterwards Fresh may be called by many.
type Deps struct {
	feed *Feed
	all  uint64
	of   []observed
}

type observed struct {
	cell    uint32
	version uint64
}

// Observe takes the versions of the tags. It is called before the first read
// of what they cover; what commits later makes the Deps stale.
func (f *Feed) Observe(tags ...Tag) Deps {
	d := Deps{feed: f, all: f.marks.all.Load(), of: make([]observed, 0, len(tags))}
	for _, t := range tags {
		d.Add(t)
	}
	return d
}

// Add takes another tag, before the first read of what it covers: often what
// is read first names what is to be read next.
func (d *Deps) Add(t Tag) {
	cell := d.feed.marks.cell(t)
	d.of = append(d.of, observed{cell, d.feed.marks.cells[cell].Load()})
}

// Merge takes what another answer depends on, which this one is made from.
func (d *Deps) Merge(o *Deps) {
	d.all = min(d.all, o.all) // if they differ, neither is fresh any more
	d.of = append(d.of, o.of...)
}

// Fresh reports whether nothing has changed since the versions were taken. It
// takes no lock and allocates nothing.
func (d *Deps) Fresh() bool {
	if d.feed == nil || d.feed.marks.all.Load() != d.all {
		return false
	}
	for i := range d.of {
		if d.feed.marks.cells[d.of[i].cell].Load() != d.of[i].version {
			return false
		}
	}
	return true
}
