package change

// Deps is what a remembered answer depends on: cells, and the versions that
// they had before the answer was made. The zero Deps is never fresh. Deps are a
// value: what is done to a copy leaves the first as it was.
//
// Of the versions it keeps the sum. Versions only go up, so the sum is the same
// as long as each of them is. There are two Deps for each credential that is
// known, and most depend on three tags or fewer: these take 40 bytes and no
// further piece of memory.
//
// Observe, Add and Merge are called by one goroutine while the answer is made;
// afterwards Fresh may be called by many.
type Deps struct {
	feed  *Feed
	sum   uint64
	cells [depsCells]uint32 // an unused place has noCell
	more  *Deps             // never changed
}

// depsCells is how many cells have room in a Deps itself: that of everything,
// and of a key, its client and its instance.
const depsCells = 4

// Observe takes the versions of the tags. It is called before the first read
// of what they cover; what commits later makes the Deps stale.
func (f *Feed) Observe(tags ...Tag) Deps {
	d := Deps{feed: f}
	d.Add(all)
	for _, t := range tags {
		d.Add(t)
	}
	return d
}

// Add takes another tag, before the first read of what it covers: often what
// is read first names what is to be read next.
func (d *Deps) Add(t Tag) {
	if d.cells[depsCells-1] != noCell {
		full := *d
		*d = Deps{feed: d.feed, more: &full}
	}
	free := 0
	for d.cells[free] != noCell {
		free++
	}
	d.cells[free] = d.feed.marks.cell(t)
	d.sum += d.feed.marks.cells[d.cells[free]].Load()
}

// Merge takes what another answer depends on, which this one is made from.
func (d *Deps) Merge(o *Deps) {
	for ; o != nil; o = o.more {
		other := *o
		other.more = d.more
		d.more = &other
	}
}

// Fresh reports whether nothing has changed since the versions were taken. It
// takes no lock and allocates nothing.
func (d *Deps) Fresh() bool {
	if d.feed == nil {
		return false
	}
	for ; d != nil; d = d.more {
		var sum uint64
		for _, cell := range d.cells {
			sum += d.feed.marks.cells[cell].Load()
		}
		if sum != d.sum {
			return false
		}
	}
	return true
}
