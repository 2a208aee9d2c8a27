package change

// Cell tells which tags are taken as changed together.
func (f *Feed) Cell(t Tag) uint32 { return f.marks.cell(t) }
