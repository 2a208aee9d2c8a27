package dialect

// generic: everything that is put up with for anybody.
func generic() []Quirk {
	quirks := make([]Quirk, 0, quirkCount)
	for q := range quirkCount {
		quirks = append(quirks, q)
	}
	return quirks
}
