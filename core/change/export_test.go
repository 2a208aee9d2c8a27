package change

// Cells counts the cells that are kept.
func (f *Feed) Cells() (n int) {
	for i := range f.marks.shards {
		s := &f.marks.shards[i]
		s.Lock()
		n += len(s.cells)
		s.Unlock()
	}
	return n
}
